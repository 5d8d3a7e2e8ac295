// Package telemetry sends traces of function invocations to an OpenTelemetry collector, over HTTP.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"yunduo/functions"
)

// Options say where traces go.
type Options struct {
	Endpoint string // base address of the collector, such as http://127.0.0.1:4318
	Headers  string // sent along: name=value, several separated by commas; values are escaped as in addresses
	Version  string // of this program
	Logger   *slog.Logger
}

const (
	waiting  = 2048            // invocations that wait to be sent; more are dropped
	farewell = 3 * time.Second // for the last ones to be taken when the server stops
)

// Exporter sends what it is given in the background. It is safe for concurrent use.
type Exporter struct {
	provider *sdktrace.TracerProvider
	sender   sdktrace.SpanExporter
	tracer   trace.Tracer
	logger   *slog.Logger
	queue    chan *functions.Invocation
	dropped  atomic.Int64
	ending   chan struct{}
	once     sync.Once
	done     sync.WaitGroup
}

// New returns an exporter. It connects to nothing yet: a collector that cannot be reached shows in the log.
func New(ctx context.Context, o Options) (*Exporter, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("otlp-endpoint: %q is not an http or https address, for example http://127.0.0.1:4318", o.Endpoint)
	}
	if !strings.HasSuffix(u.Path, "/v1/traces") {
		u = u.JoinPath("v1", "traces")
	}
	headers, err := parseHeaders(o.Headers)
	if err != nil {
		return nil, err
	}
	sender, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.String()), otlptracehttp.WithHeaders(headers))
	if err != nil {
		return nil, fmt.Errorf("otlp-endpoint: %w", err)
	}
	about := resource.NewSchemaless(serviceName.String("yunduo"), serviceVersion.String(o.Version))
	e := &Exporter{
		logger: o.Logger, sender: sender, queue: make(chan *functions.Invocation, waiting), ending: make(chan struct{}),
		// All are sampled: what is recorded has been chosen already.
		provider: sdktrace.NewTracerProvider(sdktrace.WithBatcher(sender), sdktrace.WithResource(about), sdktrace.WithIDGenerator(chosenIDs{}), sdktrace.WithSampler(sdktrace.AlwaysSample())),
	}
	e.tracer = e.provider.Tracer("yunduo/functions")
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { o.Logger.Warn("traces could not be sent", "error", err) }))
	e.done.Go(e.run)
	return e, nil
}

// parseHeaders reads headers in the form of the environment variable OTEL_EXPORTER_OTLP_HEADERS.
func parseHeaders(text string) (map[string]string, error) {
	headers := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if name = strings.TrimSpace(name); !ok || name == "" || err != nil {
			return nil, errors.New("otlp-headers: they are name=value, several separated by commas")
		}
		headers[name] = value
	}
	return headers, nil
}

// Export takes an invocation that has ended. It never waits.
func (e *Exporter) Export(i *functions.Invocation) {
	select {
	case e.queue <- i:
	default:
		e.dropped.Add(1)
	}
}

// Close sends what is left, until ctx ends and for a few seconds at most. Nothing may be exported meanwhile. A collector that
// does not take it keeps no server from stopping well, nor for long.
func (e *Exporter) Close(ctx context.Context) error {
	e.once.Do(func() { close(e.ending) })
	e.done.Wait()
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	if err := e.provider.Shutdown(ctx); err != nil {
		e.logger.Warn("the last traces could not be sent", "error", err)
		_ = e.sender.Shutdown(ctx) // ends what still waits for the collector
	}
	return nil
}

func (e *Exporter) run() {
	report := time.NewTicker(time.Minute)
	defer report.Stop()
	for {
		select {
		case i := <-e.queue:
			e.send(i)
		case <-report.C:
			if n := e.dropped.Swap(0); n > 0 {
				e.logger.Warn("invocations came too fast to be sent as traces", "count", n)
			}
		case <-e.ending:
			for {
				select {
				case i := <-e.queue:
					e.send(i)
				default:
					return
				}
			}
		}
	}
}
