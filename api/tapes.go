package api

import (
	"context"

	"yunduo/functions"
	"yunduo/wire"
)

func recordFunction(ctx context.Context, a *API, call *Call, req *wire.RecordRequest) (*wire.Empty, error) {
	return &wire.Empty{}, a.rooms.Functions.Record(ctx, call.Caller, call.App, req.Name, req.Calls)
}

func listRecordings(ctx context.Context, a *API, call *Call, req *wire.RecordingsRequest) (*wire.RecordingsResponse, error) {
	list, err := a.rooms.Functions.Tapes(ctx, call.Caller, call.App, req.Function)
	if err != nil {
		return nil, err
	}
	response := &wire.RecordingsResponse{Recordings: make([]wire.Recording, len(list))}
	for i, t := range list {
		response.Recordings[i] = wire.Recording(t)
	}
	return response, nil
}

func getRecording(ctx context.Context, a *API, call *Call, req *wire.InvocationRequest) (*functions.Tape, error) {
	t, err := a.rooms.Functions.Tape(ctx, call.Caller, call.App, req.ID)
	if err != nil {
		return nil, err
	}
	return &t, nil
}
