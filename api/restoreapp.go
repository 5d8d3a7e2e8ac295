package api

import (
	"context"
	"sync"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/wire"
)

// restores are the restores of apps that run or ran since the server started, by the app whose data is exchanged. A
// server that stops ends them, and nothing of them has happened then.
type restores struct {
	mu      sync.Mutex
	status  map[yunduo.AppID]*wire.RestoreAppStatus
	closed  bool
	running sync.WaitGroup
	stop    context.CancelFunc
	ctx     context.Context
}

func newRestores() *restores {
	r := &restores{status: map[yunduo.AppID]*wire.RestoreAppStatus{}}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r
}

func (r *restores) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.stop()
	r.running.Wait()
}

// begin registers a restore; invalid_request if one is running.
func (r *restores) begin(app yunduo.AppID, status wire.RestoreAppStatus) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return yunduo.Errorf(yunduo.ReasonShuttingDown, "the server is stopping")
	}
	if known := r.status[app]; known != nil && known.State == "running" {
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "a restore of the app %q is running", string(app))
	}
	r.status[app] = &status
	r.running.Add(1)
	return nil
}

func (r *restores) change(app yunduo.AppID, change func(*wire.RestoreAppStatus)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r.status[app])
}

func (r *restores) get(app yunduo.AppID) *wire.RestoreAppStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.status[app]; known != nil {
		status := *known
		return &status
	}
	return &wire.RestoreAppStatus{State: "none"}
}

func restoreApp(ctx context.Context, a *API, call *Call, req *wire.RestoreAppRequest) (*wire.RestoreAppStatus, error) {
	if req.At == nil {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "field \"at\" is missing: the moment to go back to")
	}
	into := call.App
	if req.Into != "" {
		into = yunduo.AppID(req.Into)
		if !call.Caller.MayManage(into) {
			return nil, yunduo.Errorf(yunduo.ReasonPermissionDenied, "this caller does not manage the app %q", req.Into)
		}
		if err := a.rooms.Apps.Exists(ctx, into); err != nil {
			return nil, err
		}
	}
	if req.Confirm != string(into) {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "field \"confirm\" must be %q: all documents of that app are exchanged", string(into))
	}
	at := *req.At
	if err := a.restores.begin(into, wire.RestoreAppStatus{State: "running", At: &at, Into: string(into)}); err != nil {
		return nil, err
	}
	caller, from := call.Caller, call.App
	ctx = yunduo.WithRequestID(a.restores.ctx, yunduo.RequestID(ctx))
	go func() {
		defer a.restores.running.Done()
		err := a.rooms.Documents.RestoreApp(ctx, caller, from, into, at, func(p documents.Progress) {
			a.restores.change(into, func(s *wire.RestoreAppStatus) {
				s.Collection, s.Documents, s.Total = p.Collection, p.Documents, p.Total
			})
		})
		a.restores.change(into, func(s *wire.RestoreAppStatus) {
			s.State, s.Collection = "done", ""
			if err != nil {
				s.State, s.Error = "failed", fileError(ctx, err)
			}
		})
		a.logger.InfoContext(ctx, "app restored", "app", into, "from", from, "at", at, "error", err)
	}()
	return a.restores.get(into), nil
}

func restoreAppStatus(_ context.Context, a *API, call *Call, _ *wire.Empty) (*wire.RestoreAppStatus, error) {
	return a.restores.get(call.App), nil
}
