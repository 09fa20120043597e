"""The deployment files, checked as far as they can be without a container engine."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from console.config import variable
from console.embedded import tuning
from overround.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.temporal.yml"
OURS = ("migrate", "trading", "hedging", "streamers", "api")


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    body = yaml.safe_load(COMPOSE.read_text())
    found: dict[str, dict[str, Any]] = body["services"]
    return found


def test_the_compose_file_follows_the_specification() -> None:
    command = [str(Path(sys.executable).parent / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, str(COMPOSE)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_variable_has_a_default_or_a_reason_to_refuse() -> None:
    text = re.sub(r"\$\$", "", COMPOSE.read_text())
    used = re.findall(r"\$\{?(\w+)([^}]*)", text)
    assert used
    undefined = [name for name, rest in used if not rest.startswith((":-", ":?"))]
    assert undefined == []


def test_what_our_services_are_told_is_a_setting_of_ours(services: dict[str, dict[str, Any]]) -> None:
    known = {variable(field) for field in Settings.model_fields}
    for name in OURS:
        assert set(services[name]["environment"]) <= known, name


def test_every_mounted_path_and_volume_exists(services: dict[str, dict[str, Any]]) -> None:
    volumes = yaml.safe_load(COMPOSE.read_text())["volumes"]
    sources = [mount.split(":")[0] for service in services.values() for mount in service.get("volumes", [])]
    assert sources
    for source in sources:
        assert (ROOT / source).is_dir() if source.startswith(".") else source in volumes, source


def test_each_service_waits_for_one_that_can_fulfil_its_condition(services: dict[str, dict[str, Any]]) -> None:
    started: list[str] = []
    for name, service in services.items():
        for needed, condition in service.get("depends_on", {}).items():
            assert needed in started, f"{name} waits for {needed}, which comes later in the file"
            if condition["condition"] == "service_healthy":
                assert "healthcheck" in services[needed]
            else:
                assert services[needed]["restart"] == "on-failure", f"{needed} must end for {name} to start"
        started.append(name)


def test_the_server_reads_our_dynamic_configuration(services: dict[str, dict[str, Any]]) -> None:
    temporal = services["temporal"]
    mount = next(m for m in temporal["volumes"] if m.startswith("./deploy/dynamicconfig"))
    file = ROOT / "deploy" / "dynamicconfig" / Path(temporal["environment"]["DYNAMIC_CONFIG_FILE_PATH"]).name
    assert mount.split(":")[1].endswith("/config/dynamicconfig")
    assert yaml.safe_load(file.read_text()) == tuning.document()


def test_production_differs_from_embedded_only_where_a_cluster_must() -> None:
    differing = {key for key in tuning.PRODUCTION if tuning.PRODUCTION[key] != tuning.EMBEDDED[key]}
    assert differing == {
        "history.transferProcessorMaxPollRPS",
        "history.timerProcessorMaxPollRPS",
        "history.timerProcessorMaxTimeShift",
    }


def test_the_shard_count_is_not_the_default_that_can_never_be_changed(services: dict[str, dict[str, Any]]) -> None:
    assert services["temporal"]["environment"]["NUM_HISTORY_SHARDS"] == "512"


def test_foreign_images_are_pinned_and_ours_is_one(services: dict[str, dict[str, Any]]) -> None:
    assert len({services[name]["image"] for name in OURS}) == 1
    for name in set(services) - set(OURS):
        assert re.fullmatch(r"[\w./-]+:\d[\w.]*", services[name]["image"]), name


def test_nothing_is_published_beyond_this_machine(services: dict[str, dict[str, Any]]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("name", ["trading", "hedging", "streamers", "api"])
def test_each_command_is_one_the_supervisor_runs_too(services: dict[str, dict[str, Any]], name: str) -> None:
    from console.embedded.children import COMMANDS

    command = services[name]["command"]
    assert command[0] == "python"
    assert [Path(word).name for word in command[1:]] == [Path(word).name for word in COMMANDS[name]]


def test_what_the_image_copies_exists_and_is_not_ignored() -> None:
    copies = re.findall(r"^COPY (?!--from)(.*)$", (ROOT / "Dockerfile").read_text(), re.M)
    sources = [word for copy in copies for word in copy.split()[:-1]]
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert sorted(sources) == sorted(allowed)
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_the_image_does_not_run_as_root() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER 10001$", text, re.M)
