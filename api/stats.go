package api

import (
	"cmp"
	"context"
	"slices"
	"time"

	"yunduo/functions"
	"yunduo/wire"
)

func functionStats(ctx context.Context, a *API, call *Call, req *wire.StatsRequest) (*wire.StatsResponse, error) {
	q := functions.StatsQuery{Function: req.Function, Step: time.Duration(req.StepSeconds) * time.Second}
	if req.From != nil {
		q.From = *req.From
	}
	if req.To != nil {
		q.To = *req.To
	}
	series, err := a.rooms.Functions.History(ctx, call.Caller, call.App, q)
	if err != nil {
		return nil, err
	}
	response := &wire.StatsResponse{StepSeconds: int(series.Step / time.Second), Buckets: make([]wire.StatsBucket, len(series.Buckets)), Total: wireFigures(series.Total)}
	for i, f := range series.Buckets {
		response.Buckets[i] = wireFigures(f)
	}
	if !req.Functions {
		return response, nil
	}
	each, err := a.rooms.Functions.HistoryByFunction(ctx, call.Caller, call.App, q)
	if err != nil {
		return nil, err
	}
	response.Functions = make([]wire.FunctionStats, 0, len(each))
	for name, f := range each {
		response.Functions = append(response.Functions, wire.FunctionStats{Name: name, StatsBucket: wireFigures(f)})
	}
	slices.SortFunc(response.Functions, func(x, y wire.FunctionStats) int {
		return cmp.Or(cmp.Compare(y.Calls, x.Calls), cmp.Compare(x.Name, y.Name))
	})
	return response, nil
}

func wireFigures(f functions.Figures) wire.StatsBucket {
	return wire.StatsBucket{
		Time: f.Time, Calls: f.Calls, Errors: f.Errors, ColdStarts: f.ColdStarts, P50MS: milliseconds(f.P50), P95MS: milliseconds(f.P95), P99MS: milliseconds(f.P99),
		QueueMS: milliseconds(f.Queue), QueueMaxMS: milliseconds(f.QueueMax), CPUMS: milliseconds(f.CPU), MemoryBytes: f.Memory,
	}
}
