# Three stages: the console, the binary, and a small image with Node.js that runs as an ordinary user.
FROM node:22-bookworm-slim AS console
WORKDIR /src/console
COPY console/package.json console/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY console/ ./
RUN npm run build

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=console /src/console/dist ./console/dist
ARG VERSION=docker
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /yunduo ./cmd/yunduo \
 && mkdir /data

FROM node:22-bookworm-slim
# npm stays: the platform installs the packages that functions ask for.
COPY --from=build /yunduo /usr/local/bin/yunduo
COPY --from=build --chown=1000:1000 /data /data
USER 1000:1000
ENV HOME=/data
VOLUME /data
EXPOSE 7300
HEALTHCHECK --interval=10s --timeout=3s CMD ["node", "-e", "fetch('http://127.0.0.1:7300/readyz').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"]
ENTRYPOINT ["yunduo"]
CMD ["serve", "--data", "/data", "--listen", "0.0.0.0:7300"]
