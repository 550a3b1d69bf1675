# The service as an image: docker build -t chancery .
# A newer Node imports keys faster: --build-arg NODE_IMAGE=node:24-bookworm-slim
ARG NODE_IMAGE=node:20-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Not `npm ci`: it refuses locks that lack another platform's optional packages. No package needs its install script.
RUN npm install --ignore-scripts --include=dev
# .dockerignore names what there is.
COPY . .
# What is left is what runs. Without src/ the command does not build at start. The modes are made independent of the checkout's
# umask, as another user reads the files.
RUN node node_modules/typescript/bin/tsc -p tsconfig.build.json --sourceMap false --declaration false \
  && npm prune --omit=dev --ignore-scripts \
  && rm -rf src tsconfig*.json package-lock.json .npmrc \
  && chmod -R a+rX,go-w .

FROM ${NODE_IMAGE}
RUN install -d -o node -g node -m 0700 /var/lib/chancery && ln -s /app/bin/chancery.mjs /usr/local/bin/chancery
COPY --from=build /app /app
WORKDIR /app
# On every address of the container: which of them are reached from outside is decided where ports are published.
ENV NODE_ENV=production \
  CHANCERY_DATA=/var/lib/chancery \
  CHANCERY_LISTEN__HTTPS=0.0.0.0:8443 \
  CHANCERY_LISTEN__HTTP=0.0.0.0:8080 \
  CHANCERY_LISTEN__METRICS=0.0.0.0:9464
USER node
VOLUME /var/lib/chancery
EXPOSE 8443 8080 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/healthz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["chancery"]
CMD ["serve"]
