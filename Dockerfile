# Polyhead as a container image. Targets: cpu (the default) and cuda (linux/amd64 only). See docs/container.md.
# The labels' VERSION, REVISION and CREATED come from whoever builds: package.json, git and the clock are their only sources.
ARG BASE=node:24-slim
ARG CUDA_BASE=nvidia/cuda:13.1.1-cudnn-runtime-ubuntu24.04
ARG PYTHON_BASE=python:3.12-slim

# Compiles, then keeps what a running server reads: no development packages, one platform's runtime library.
FROM ${BASE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY src src
COPY client client
COPY web web
RUN npm run build && npm prune --omit=dev \
 && npm pkg delete devDependencies workspaces \
 && npm sbom --sbom-format=cyclonedx --sbom-type=application >sbom.cdx.json
RUN cd node_modules/onnxruntime-node/bin/napi-v6 \
 && mv "$(node -p 'process.platform + "/" + process.arch')" /tmp/mine \
 && rm -rf ./* \
 && mkdir -p "$(node -p process.platform)" \
 && mv /tmp/mine "$(node -p 'process.platform + "/" + process.arch')"
# What packages bring for those who work on them: maps, types, sources, tests, builds for bundlers. Licences stay.
RUN find node_modules -type f \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.tsbuildinfo' \
      -o -name '*.md' -a ! -iname 'licen[cs]e*' -a ! -iname 'notice*' \) -delete \
 && find node_modules -depth -type d \( -name test -o -name tests -o -name bench -o -name benchmark -o -name benchmarks -o -name example \
      -o -name examples -o -name .github -o -path '*/@opentelemetry/*/build/esm' -o -path '*/@opentelemetry/*/build/esnext' \) \
      -exec rm -rf {} +
COPY models /models
RUN mkdir /certificates && chown 1000:1000 /certificates && chmod -R a+rX,go-w /app /models

FROM ${BASE} AS cpu
ARG BASE
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="Polyhead" \
      org.opencontainers.image.description="Inference microservice for multitask sequence models" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE}"
# The server installs nothing at run time, so the installers go.
RUN rm -rf /usr/local/lib/node_modules /opt/yarn* \
 && cd /usr/local/bin && rm -f npm npx corepack yarn yarnpkg
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/sbom.cdx.json ./
COPY --from=build /models /models
COPY --from=build --chown=1000:1000 /certificates /certificates
# Batching certificates are kept here: the one folder that is written to, where something is mounted.
VOLUME /certificates
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 POLYHEAD_MODEL_REPOSITORY=/models POLYHEAD_CERTIFICATE_FOLDER=/certificates ORT_DISABLE_TELEMETRY=1
USER 1000:1000
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "/app/dist/src/healthcheck.js"]
ENTRYPOINT ["node", "/app/dist/src/main.js"]

# The CUDA provider for onnxruntime-node, from the Python wheel of the same version and commit: unlike the archive that
# the package's install script fetches, it has a published digest. A new onnxruntime-node wants a new pair here.
FROM ${PYTHON_BASE} AS cuda-wheel
ARG ORT_VERSION=1.30.0
ARG ORT_WHEEL_SHA256=6acc0f4b3d5ac5f2984432faa59dd8fcce6775f8b43a7140afa0f322c7a703b1
WORKDIR /wheel
RUN pip download --no-deps --only-binary=:all: --python-version 3.12 --platform manylinux_2_28_x86_64 "onnxruntime-gpu==${ORT_VERSION}" \
 && echo "${ORT_WHEEL_SHA256}  $(ls *.whl)" | sha256sum --check --strict \
 && python -m zipfile -e *.whl .

FROM build AS cuda-provider
ARG ORT_VERSION=1.30.0
RUN test "$(node -p 'require("onnxruntime-node/package.json").version')" = "${ORT_VERSION}" \
 && test "$(node -p 'process.platform + "/" + process.arch')" = linux/x64
COPY --from=cuda-wheel /wheel/onnxruntime/capi/libonnxruntime_providers_cuda.so /wheel/onnxruntime/capi/libonnxruntime_providers_shared.so \
     node_modules/onnxruntime-node/bin/napi-v6/linux/x64/

FROM ${CUDA_BASE} AS cuda
ARG CUDA_BASE
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="Polyhead" \
      org.opencontainers.image.description="Inference microservice for multitask sequence models, with CUDA" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${CUDA_BASE}"
WORKDIR /app
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /app/package.json ./
COPY --from=cuda-provider /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/sbom.cdx.json ./
COPY --from=build /models /models
COPY --from=build --chown=1000:1000 /certificates /certificates
# Batching certificates are kept here: the one folder that is written to, where something is mounted.
VOLUME /certificates
# The base has to hold every library the provider wants; the driver's libcuda comes from the host when it runs.
RUN node --version && ldconfig -p | grep -F 'libcudnn.so.9 ' \
 && ldd node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so >/tmp/libraries \
 && ! grep 'not found' /tmp/libraries | grep -vF 'libcuda.so.1 ' \
 && rm /tmp/libraries
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 POLYHEAD_MODEL_REPOSITORY=/models POLYHEAD_CERTIFICATE_FOLDER=/certificates ORT_DISABLE_TELEMETRY=1 \
    POLYHEAD_EXECUTION_PROVIDER=cuda
USER 1000:1000
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=120s --retries=3 \
  CMD ["node", "/app/dist/src/healthcheck.js"]
ENTRYPOINT ["node", "/app/dist/src/main.js"]

# What a build without --target makes.
FROM cpu
