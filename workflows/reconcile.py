"""ReconcileWorkflow: compares one account's venue with the ledger and repairs through the same signals as the streams.

Started by a Temporal Schedule per account. An incomplete answer is never evidence of absence: the activity reads all
pages or fails.
"""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from overround.domain.reconcile import ReconcileReport, ReconcileStart
    from workflows.calls import slow


@workflow.defn(name="ReconcileWorkflow")
class ReconcileWorkflow:
    """One pass over one account; its result is the report."""

    @workflow.run
    async def run(self, start: ReconcileStart) -> ReconcileReport:
        report = await slow(
            "reconcile_account",
            start,
            ReconcileReport,
            summary=f"Compare {start.account_id} with the ledger",
            minutes=5,
        )
        workflow.set_current_details(
            f"{report.open_at_venue} open at the venue, {report.open_in_ledger} in the ledger, {report.repaired} mended"
            + "\n"
            + "".join(f"\n- {line}" for line in report.findings)
        )
        return report
