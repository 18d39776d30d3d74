# syntax=docker/dockerfile:1
# Three stages: everything needed to build; the packages needed to run; the image.

FROM node:24-bookworm AS build
WORKDIR /build
COPY package.json package-lock.json ./
# node-gyp takes the headers that the base image carries instead of fetching them.
RUN npm_config_nodedir=/usr/local npm ci --include=dev --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN node_modules/.bin/tsc -p tsconfig.build.json

FROM build AS packages
# What only building needs goes: development packages, and the sources and objects that re2 was compiled from.
RUN npm prune --omit=dev --no-audit --no-fund --ignore-scripts \
 && mv node_modules/re2/build/Release/re2.node /tmp/re2.node \
 && rm -rf node_modules/re2/build node_modules/re2/vendor node_modules/re2/lib node_modules/node-gyp node_modules/nan \
 && mkdir -p node_modules/re2/build/Release \
 && mv /tmp/re2.node node_modules/re2/build/Release/re2.node \
 && node -e "require('re2')"

FROM node:24-bookworm-slim
ENV NODE_ENV=production \
    NODE_COMPILE_CACHE=/var/lib/blastgate/compile-cache
RUN install -d -o node -g node -m 0700 /var/lib/blastgate
WORKDIR /opt/blastgate
COPY --from=packages /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY package.json ./
COPY policies ./policies
USER node
VOLUME /var/lib/blastgate
EXPOSE 6432 6443
STOPSIGNAL SIGTERM
# The control port as the configuration has it by default; readiness is for the orchestrator, this is liveness.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:6443/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node runs as process 1 and handles SIGTERM itself; it starts no children that it would have to reap.
ENTRYPOINT ["node", "--max-semi-space-size=4", "dist/main.js"]
CMD ["serve", "--config", "/etc/blastgate/blastgate.yaml"]
