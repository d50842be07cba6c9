# Port 80 without root: Docker has let unprivileged users bind low ports since 20.10
# (net.ipv4.ip_unprivileged_port_start=0). Elsewhere set PORT to one above 1023.
FROM node:20-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build

FROM node:20-slim
WORKDIR /app
ENV NODE_ENV=production PORT=80
COPY --from=build /src/dist ./
# Native SQLite, for databaseUrl=file: alone; every other database is inside the bundle.
COPY --from=build /src/node_modules/libsql ./node_modules/libsql
COPY --from=build /src/node_modules/@libsql ./node_modules/@libsql
COPY --from=build /src/node_modules/@neon-rs ./node_modules/@neon-rs
COPY --from=build /src/node_modules/detect-libc ./node_modules/detect-libc
RUN mkdir .data && chown node:node .data
USER node
VOLUME /app/.data
EXPOSE 80
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:'+process.env.PORT+'/healthz').then((r)=>process.exit(r.ok?0:1),()=>process.exit(1))"]
CMD ["node", "index.js"]
