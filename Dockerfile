# Controller, unsealer and the commands in pods, from one image. Hashed dependencies only; no shell is needed at run time.
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /build
COPY requirements/controller.txt requirements/build.txt ./requirements/
RUN python -m venv /app \
 && python -m venv /tools \
 && /app/bin/python -m pip install --no-cache-dir --no-compile --require-hashes -r requirements/controller.txt \
 && /tools/bin/python -m pip install --no-cache-dir --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY operator ./operator
# Byte code is compiled here, once, because the root file system is read-only later; it holds whatever times a registry
# or builder gives the files.
RUN /tools/bin/python -m hatchling build -t wheel -d dist \
 && /app/bin/python -m pip install --no-cache-dir --no-compile --no-deps dist/*.whl \
 && /app/bin/python -m pip uninstall --yes pip \
 && /app/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /app/lib

# No RUN here: nothing but the copy is added to the base.
FROM ${BASE_IMAGE}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="llmkeys" \
      org.opencontainers.image.description="Proves LLM API keys and delivers the good ones as Kubernetes Secrets" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /app /app
# LLMKEYS_IMAGE: what runs from this image warns if it is root or can write where it should not.
ENV PATH=/app/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 LLMKEYS_IMAGE=1
USER 65532:65532
EXPOSE 8080 8443
ENTRYPOINT ["/app/bin/python", "-P", "-m", "llmkeys"]
CMD ["controller", "--listen=0.0.0.0:8080"]
