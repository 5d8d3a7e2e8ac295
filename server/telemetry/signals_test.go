package telemetry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logpb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricpb "go.opentelemetry.io/proto/otlp/metrics/v1"

	"yunduo/wire"
)

func valuesOf(list []*commonpb.KeyValue) map[string]any {
	values := map[string]any{}
	for _, a := range list {
		values[a.Key] = valueOf(a.Value)
	}
	return values
}

func valueOf(v *commonpb.AnyValue) any {
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_IntValue:
		return v.IntValue
	case *commonpb.AnyValue_DoubleValue:
		return v.DoubleValue
	case *commonpb.AnyValue_BoolValue:
		return v.BoolValue
	case *commonpb.AnyValue_KvlistValue:
		return valuesOf(v.KvlistValue.Values)
	case *commonpb.AnyValue_ArrayValue:
		list := []any{}
		for _, item := range v.ArrayValue.Values {
			list = append(list, valueOf(item))
		}
		return list
	}
	return nil
}

// line returns the record with a text.
func (r *receiver) line(text string) *logpb.LogRecord {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.lines {
		if l.Body.GetStringValue() == text {
			return l
		}
	}
	return nil
}

// total returns what a metric says of a function.
func (r *receiver) total(t *testing.T, metric, function string) *metricpb.NumberDataPoint {
	t.Helper()
	m := r.metrics[metric]
	require.NotNil(t, m, metric)
	points := m.GetGauge().GetDataPoints()
	if sum := m.GetSum(); sum != nil {
		require.True(t, sum.IsMonotonic)
		require.Equal(t, metricpb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE, sum.AggregationTemporality)
		points = sum.DataPoints
	}
	for _, p := range points {
		if values := valuesOf(p.Attributes); values["faas.name"] == function && values["yunduo.app"] == "shop" {
			return p
		}
	}
	require.Fail(t, "no point", "%s of %s", metric, function)
	return nil
}

const sells = `
	const cloud = require('wx-server-sdk')
	cloud.init()
	const log = cloud.logger()
	exports.main = async event => {
	  if (event.fail) throw new Error('no stock')
	  if (event.print) {
	    console.warn('sold', { order: { id: 4711, price: 1.5, gift: true, tags: ['a', null] } })
	    log.info({ shop: 'Li' })
	    setTimeout(() => console.log('after the reply'), 1)
	  }
	  for (const start = process.cpuUsage().user; process.cpuUsage().user - start < 20000;);
	  return 'x'
	}`

func TestMetricsAndLogsReachACollector(t *testing.T) {
	r := newReceiver(t)
	c, _, _, stop := start(t, r.URL+"/v1/traces", "X-Key=a%20secret")
	_, err := c.Deploy(t.Context(), wire.DeployRequest{Name: "sells", Files: []wire.DeployFile{{Path: "index.js", Content: []byte(sells)}}})
	require.NoError(t, err)
	_, err = c.Invoke(t.Context(), "sells", []byte(`{"print":true}`))
	require.NoError(t, err)
	_, err = c.Invoke(t.Context(), "sells", []byte(`{"fail":true}`))
	require.Error(t, err)
	for range 3 {
		_, err := c.Invoke(t.Context(), "sells", nil)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		logs, err := c.Logs(t.Context(), wire.LogsRequest{Search: "after the reply"})
		return err == nil && len(logs.Invocations) == 1
	}, 20*time.Second, 10*time.Millisecond)
	logs, err := c.Logs(t.Context(), wire.LogsRequest{Search: "order.id:4711"})
	require.NoError(t, err)
	require.Len(t, logs.Invocations, 1)
	sale := logs.Invocations[0]
	require.JSONEq(t, `{"shop":"Li"}`, string(sale.Lines[1].Fields), "what cloud.logger() is given keeps its members")
	failed, err := c.Logs(t.Context(), wire.LogsRequest{Failed: true})
	require.NoError(t, err)
	require.Len(t, failed.Invocations, 1)
	require.NoError(t, stop(), "what is left is sent when the server stops")

	sold := r.line("sold { order: { id: 4711, price: 1.5, gift: true, tags: [ 'a', null ] } }")
	require.NotNil(t, sold)
	require.Equal(t, logpb.SeverityNumber_SEVERITY_NUMBER_WARN, sold.SeverityNumber)
	about := valuesOf(sold.Attributes)
	require.Equal(t, map[string]any{"order": map[string]any{"id": int64(4711), "price": 1.5, "gift": true, "tags": []any{"a", nil}}}, about["fields"])
	require.Equal(t, []any{"sells", sale.ID, "shop"}, []any{about["faas.name"], about["faas.invocation_id"], about["yunduo.app"]})
	require.Equal(t, sale.ID, hexOf(sold.TraceId), "a line belongs to its trace")
	require.Equal(t, sale.ID[16:], hexOf(sold.SpanId))
	require.NotNil(t, r.line(`{"shop":"Li"}`))
	late := r.line("after the reply")
	require.NotNil(t, late)
	require.Equal(t, sale.ID, valuesOf(late.Attributes)["faas.invocation_id"])
	failure := r.line("no stock")
	require.NotNil(t, failure)
	require.Equal(t, logpb.SeverityNumber_SEVERITY_NUMBER_ERROR, failure.SeverityNumber)
	require.Equal(t, failed.Invocations[0].ID, hexOf(failure.TraceId))
	require.Equal(t, "function_error", valuesOf(failure.Attributes)["error.type"])
	require.Contains(t, valuesOf(failure.Attributes)["exception.stacktrace"], "index.js")
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Len(t, r.lines, 4, "each is sent once")
	require.NotEmpty(t, r.spans)

	require.EqualValues(t, 5, r.total(t, "faas.invocations", "sells").GetAsInt())
	require.EqualValues(t, 1, r.total(t, "faas.errors", "sells").GetAsInt())
	require.GreaterOrEqual(t, r.total(t, "faas.coldstarts", "sells").GetAsInt(), int64(1))
	require.Greater(t, r.total(t, "yunduo.faas.cpu_time", "sells").GetAsDouble(), 0.06)
	require.Positive(t, r.total(t, "yunduo.faas.queue_time", "sells").GetAsDouble())
	require.GreaterOrEqual(t, r.total(t, "yunduo.faas.memory", "sells").GetAsInt(), int64(0))
	points := r.metrics["faas.invoke_duration"].GetHistogram().GetDataPoints()
	require.Len(t, points, 1)
	require.EqualValues(t, 5, points[0].Count)
	require.Greater(t, points[0].GetSum(), 0.06)
	require.Len(t, points[0].BucketCounts, len(points[0].ExplicitBounds)+1)
	var all, quick uint64
	for i, n := range points[0].BucketCounts {
		if all += n; i < len(points[0].ExplicitBounds) && points[0].ExplicitBounds[i] < 0.019 {
			quick += n
		}
	}
	require.EqualValues(t, 5, all)
	require.LessOrEqual(t, quick, uint64(1), "only the one that failed took less than its computing")
}

func TestSignalsThatAreNotWantedAreNotSent(t *testing.T) {
	r := newReceiver(t)
	c, _, _, stop := start(t, r.URL, "", "traces", "metrics")
	_, err := c.Deploy(t.Context(), wire.DeployRequest{Name: "sells", Files: []wire.DeployFile{{Path: "index.js", Content: []byte(sells)}}})
	require.NoError(t, err)
	_, err = c.Invoke(t.Context(), "sells", []byte(`{"print":true}`))
	require.NoError(t, err)
	require.NoError(t, stop())
	r.mu.Lock()
	defer r.mu.Unlock()
	require.NotEmpty(t, r.spans)
	require.Contains(t, r.metrics, "faas.invocations")
	require.Empty(t, r.lines)
}
