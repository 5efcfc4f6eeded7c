# edgeguard in an image that holds nothing else.
#
#	docker build -t edgeguard .
#
# Where no image can be pulled, any image with a shell, /usr/local/go and CA
# certificates serves as the base:
#
#	docker build --build-arg GO_IMAGE=my-local-go:1.26 -t edgeguard .
ARG GO_IMAGE=golang:1.26-bookworm
FROM ${GO_IMAGE} AS build
ENV PATH=/usr/local/go/bin:/usr/bin:/bin CGO_ENABLED=0 GOTOOLCHAIN=local
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /out/edgeguard ./cmd/edgeguard \
	&& cp "$(go env GOROOT)/lib/time/zoneinfo.zip" /out/zoneinfo.zip \
	&& cp -L /etc/ssl/certs/ca-certificates.crt /out/ca-certificates.crt \
	&& mkdir -p /out/data

FROM scratch
LABEL org.opencontainers.image.title="edgeguard" \
	org.opencontainers.image.description="One name for a TLS service at home, from the sofa and from the street" \
	org.opencontainers.image.licenses="MIT"
COPY --from=build /out/edgeguard /edgeguard
COPY --from=build /out/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/zoneinfo.zip /zoneinfo.zip
COPY --from=build /out/data /data
ENV ZONEINFO=/zoneinfo.zip
VOLUME /data
EXPOSE 53/udp 53/tcp 8053/tcp
# Liveness of the listeners only: a broken chain is not an unhealthy container.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/edgeguard", "healthcheck"]
ENTRYPOINT ["/edgeguard"]
CMD ["run"]
