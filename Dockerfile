# Two images, a target for each:
#   docker build --target manager    -t manager .
#   docker build --target fileserver -t fileserver .
# They are the same as those that `make images` writes without Docker; a test in
# hack/image compares them.

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS TARGETARCH VERSION=dev SERVER_IMAGE=fileserver.dev/fileserver:dev
# v1.0.0 is Go's cryptographic module for FIPS 140-3: docker build --build-arg GOFIPS140=v1.0.0
ARG GOFIPS140=off
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY api api
COPY cmd cmd
COPY controllers controllers
COPY server server
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOFIPS140=$GOFIPS140 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false \
    -ldflags "-s -w -X main.version=$VERSION -X main.serverImage=$SERVER_IMAGE" \
    -o /out/ ./cmd/manager ./cmd/fileserver

FROM scratch AS manager
ARG VERSION=dev
LABEL org.opencontainers.image.title=fileserver-operator \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.source=https://github.com/fileserver-dev/fileserver-operator \
      org.opencontainers.image.licenses=Apache-2.0
COPY --from=build /out/manager /manager
USER 65532:65532
ENTRYPOINT ["/manager"]

FROM scratch AS fileserver
ARG VERSION=dev
LABEL org.opencontainers.image.title=fileserver \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.source=https://github.com/fileserver-dev/fileserver-operator \
      org.opencontainers.image.licenses=Apache-2.0
COPY --from=build /out/fileserver /fileserver
USER 65532:65532
ENTRYPOINT ["/fileserver"]
