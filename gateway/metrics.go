package gateway

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	running  prometheus.Gauge
	known    sync.Map // requestKind to requestCounters
}

func newMetrics(registry *prometheus.Registry) *metrics {
	m := &metrics{
		registry: registry,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "yunduo_http_requests_total", Help: "HTTP requests by route and status.",
		}, []string{"method", "route", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "yunduo_http_request_duration_seconds", Help: "Time from the request's first byte to the reply's last.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route"}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "yunduo_http_requests_running", Help: "HTTP requests being answered now.",
		}),
	}
	registry.MustRegister(m.requests, m.duration, m.running,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// observe counts a request under its route pattern, never under its path: paths are the caller's text, and so are
// methods that HTTP does not know.
func (m *metrics) observe(method, route string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default:
		method = "other"
	}
	key := requestKind{method, route, status}
	counters, ok := m.known.Load(key)
	if !ok {
		counters, _ = m.known.LoadOrStore(key, requestCounters{m.requests.WithLabelValues(method, route, strconv.Itoa(status)), m.duration.WithLabelValues(route)})
	}
	c := counters.(requestCounters)
	c.requests.Inc()
	c.duration.Observe(took.Seconds())
}

// requestKind and requestCounters save the search for a metric by its labels. There are as many as routes and statuses.
type requestKind struct {
	method, route string
	status        int
}

type requestCounters struct {
	requests prometheus.Counter
	duration prometheus.Observer
}

func (m *metrics) handler() echo.HandlerFunc {
	return echo.WrapHandler(promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
}
