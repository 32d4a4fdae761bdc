# syntax=docker/dockerfile:1
# `featurefusion serve` for machines with an NVIDIA card (docs/install.md). All is fetched while the image is built.

FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN ELECTRON_SKIP_BINARY_DOWNLOAD=1 npm ci --no-audit --no-fund
COPY . .
RUN npm run build
RUN npm prune --omit=dev --no-audit --no-fund
# ONNX Runtime's CUDA provider, from NuGet; TensorRT's and other systems' libraries are not used.
RUN node scripts/install-cuda.mjs \
  && cd node_modules/onnxruntime-node/bin/napi-v6 \
  && rm -r darwin win32 linux/arm64 linux/x64/libonnxruntime_providers_tensorrt.so

# CUDA 12 and cuDNN 9, as that provider is built for; the driver is the machine's.
FROM nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /app/package.json /app/LICENSE /app/NOTICE /app/
COPY --from=build /app/node_modules /app/node_modules
COPY --from=build /app/resources /app/resources
COPY --from=build /app/out /app/out
RUN install -d -o 10001 -g 10001 /data /cache /work && install -d /models
ENV HOME=/data FEATUREFUSION_DATA=/data FEATUREFUSION_CACHE=/cache
USER 10001:10001
WORKDIR /work
VOLUME ["/data", "/cache", "/work"]
EXPOSE 8080
# Without its token the server answers 401: it is there.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["node", "-e", "fetch('http://127.0.0.1:8080/').then(({ status }) => process.exit(status === 401 ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/out/main/cli.js"]
CMD ["serve", "--address", "0.0.0.0", "--allow-network", "--port", "8080", "--allow", "/models", "--allow", "/work"]
