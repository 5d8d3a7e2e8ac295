// Package telemetry sends traces and logs of function invocations, and metrics of functions, to an OpenTelemetry collector,
// over HTTP.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"yunduo/functions"
)

// Options say what goes where.
type Options struct {
	Endpoint string // base address of the collector, such as http://127.0.0.1:4318
	Headers  string // sent along: name=value, several separated by commas; values are escaped as in addresses
	Signals  string // of traces, metrics and logs those that are sent, separated by commas; empty sends all
	Version  string // of this program
	Logger   *slog.Logger
}

const (
	waiting  = 2048            // invocations that wait to be sent; more are dropped
	farewell = 3 * time.Second // for the last ones to be taken when the server stops
)

// Exporter sends what it is given in the background. It is safe for concurrent use.
type Exporter struct {
	tracer  trace.Tracer // nil if no traces are sent
	printer log.Logger   // nil if no logs are sent
	totals  *totals      // nil if no metrics are sent
	logger  *slog.Logger
	queue   chan ended
	dropped atomic.Int64
	ending  chan struct{}
	once    sync.Once
	done    sync.WaitGroup
	parts   []part
}

// ended is an invocation that is over.
type ended struct {
	*functions.Invocation
	late bool // it is known already, but for its lines
}

// part is what sends one kind of things, and has to be told to end.
type part struct {
	shut  func(context.Context) error // sends what is left
	abort func(context.Context) error // ends what still waits for the collector
}

// New returns an exporter. It connects to nothing yet: a collector that cannot be reached shows in the log.
func New(ctx context.Context, o Options) (*Exporter, error) {
	base, err := url.Parse(o.Endpoint)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("otlp-endpoint: %q is not an http or https address, for example http://127.0.0.1:4318", o.Endpoint)
	}
	if path, found := strings.CutSuffix(base.Path, "/v1/traces"); found {
		base.Path = path
	}
	headers, err := parseHeaders(o.Headers)
	if err != nil {
		return nil, err
	}
	signals, err := parseSignals(o.Signals)
	if err != nil {
		return nil, err
	}
	e := &Exporter{logger: o.Logger, queue: make(chan ended, waiting), ending: make(chan struct{})}
	about := resource.NewSchemaless(serviceName.String("yunduo"), serviceVersion.String(o.Version))
	for _, signal := range signals {
		address := base.JoinPath("v1", signal).String()
		switch signal {
		case signalTraces:
			err = e.sendTraces(ctx, about, address, headers)
		case signalMetrics:
			err = e.sendMetrics(ctx, about, address, headers)
		case signalLogs:
			err = e.sendLogs(ctx, about, address, headers)
		}
		if err != nil {
			return nil, fmt.Errorf("otlp-endpoint: %w", errors.Join(err, e.shut(ctx)))
		}
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		o.Logger.Warn("telemetry could not be sent", "error", err)
	}))
	e.done.Go(e.run)
	return e, nil
}

const (
	signalTraces  = "traces"
	signalMetrics = "metrics"
	signalLogs    = "logs"
)

func parseSignals(text string) ([]string, error) {
	all := []string{signalTraces, signalMetrics, signalLogs}
	if strings.TrimSpace(text) == "" {
		return all, nil
	}
	var chosen []string
	for signal := range strings.SplitSeq(text, ",") {
		signal = strings.TrimSpace(signal)
		if !slices.Contains(all, signal) {
			return nil, fmt.Errorf("otlp-signals: %q is not one of %s", signal, strings.Join(all, ", "))
		}
		if !slices.Contains(chosen, signal) {
			chosen = append(chosen, signal)
		}
	}
	return chosen, nil
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

func (e *Exporter) sendTraces(ctx context.Context, about *resource.Resource, address string, headers map[string]string) error {
	sender, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(address), otlptracehttp.WithHeaders(headers))
	if err != nil {
		return err
	}
	// All are sampled: what is recorded has been chosen already.
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(sender), sdktrace.WithResource(about), sdktrace.WithIDGenerator(chosenIDs{}), sdktrace.WithSampler(sdktrace.AlwaysSample()))
	e.tracer = provider.Tracer("yunduo/functions")
	e.parts = append(e.parts, part{provider.Shutdown, sender.Shutdown})
	return nil
}

func (e *Exporter) sendMetrics(ctx context.Context, about *resource.Resource, address string, headers map[string]string) error {
	sender, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(address), otlpmetrichttp.WithHeaders(headers))
	if err != nil {
		return err
	}
	e.totals = newTotals()
	reader := sdkmetric.NewPeriodicReader(sender, sdkmetric.WithInterval(time.Minute), sdkmetric.WithProducer(e.totals), sdkmetric.WithMaxExportBatchSize(pointsAtOnce))
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(about))
	e.parts = append(e.parts, part{provider.Shutdown, sender.Shutdown})
	return nil
}

func (e *Exporter) sendLogs(ctx context.Context, about *resource.Resource, address string, headers map[string]string) error {
	sender, err := otlploghttp.New(ctx, otlploghttp.WithEndpointURL(address), otlploghttp.WithHeaders(headers))
	if err != nil {
		return err
	}
	provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(sender)), sdklog.WithResource(about))
	e.printer = provider.Logger("yunduo/functions")
	e.parts = append(e.parts, part{provider.Shutdown, sender.Shutdown})
	return nil
}

// Export takes an invocation that has ended. It never waits.
func (e *Exporter) Export(i *functions.Invocation) { e.take(ended{Invocation: i}) }

// ExportLate takes a line that an invocation has printed after its end, as its only one. It never waits.
func (e *Exporter) ExportLate(i *functions.Invocation) { e.take(ended{Invocation: i, late: true}) }

func (e *Exporter) take(i ended) {
	select {
	case e.queue <- i:
	default:
		e.dropped.Add(1)
	}
}

// Count takes what a function has done. It never waits for the collector.
func (e *Exporter) Count(c functions.Counted) {
	if e.totals != nil {
		e.totals.add(&c, time.Now())
	}
}

// Close sends what is left, until ctx ends and for a few seconds at most. Nothing may be exported meanwhile. A collector that
// does not take it keeps no server from stopping well, nor for long.
func (e *Exporter) Close(ctx context.Context) error {
	e.once.Do(func() { close(e.ending) })
	e.done.Wait()
	if err := e.shut(ctx); err != nil {
		e.logger.Warn("the last telemetry could not be sent", "error", err)
	}
	return nil
}

func (e *Exporter) shut(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	failures := make([]error, len(e.parts))
	var group sync.WaitGroup
	for i, p := range e.parts {
		group.Go(func() {
			if failures[i] = p.shut(ctx); failures[i] != nil {
				_ = p.abort(ctx) // it has failed already
			}
		})
	}
	group.Wait()
	return errors.Join(failures...)
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
				e.logger.Warn("invocations came too fast to be sent as traces and logs", "count", n)
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

func (e *Exporter) send(i ended) {
	if e.tracer != nil && !i.late {
		e.sendTrace(i.Invocation)
	}
	if e.printer != nil {
		e.sendLines(i.Invocation, !i.late)
	}
}
