# Two images, a target for each:
#   docker build --target manager    -t manager .
#   docker build --target fileserver -t fileserver .
# They are the same as those that `make images` writes without Docker.

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS TARGETARCH VERSION=dev
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY api api
COPY cmd cmd
COPY controllers controllers
COPY server server
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/ ./cmd/manager ./cmd/fileserver

FROM scratch AS manager
COPY --from=build /out/manager /manager
USER 65532:65532
ENTRYPOINT ["/manager"]

FROM scratch AS fileserver
COPY --from=build /out/fileserver /fileserver
USER 65532:65532
ENTRYPOINT ["/fileserver"]
