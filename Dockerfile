# The controller. Hashed dependencies only; no shell is needed at run time.
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /build
COPY requirements/controller.txt requirements/build.txt ./requirements/
RUN python -m venv /app \
 && python -m venv /tools \
 && /app/bin/python -m pip install --no-cache-dir --require-hashes -r requirements/controller.txt \
 && /tools/bin/python -m pip install --no-cache-dir --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY operator ./operator
RUN /tools/bin/python -m hatchling build -t wheel -d dist \
 && /app/bin/python -m pip install --no-cache-dir --no-deps dist/*.whl \
 && /app/bin/python -m pip uninstall --yes pip

# No RUN here: nothing but the copy is added to the base.
FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="llmkeys" \
      org.opencontainers.image.description="Proves LLM API keys and delivers the good ones as Kubernetes Secrets" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/app/bin/python", "-P", "-m", "llmkeys"]
CMD ["controller", "--listen=0.0.0.0:8080"]
