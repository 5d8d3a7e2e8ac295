package mongodb

import (
	"context"
	"errors"
	"maps"
	"time"

	"yunduo"
)

const (
	// upkeepInterval is how often the logs of apps are brought into order. The oplog must reach back much further.
	upkeepInterval = 30 * time.Second
	// trashInterval is how often the trash of an app is looked through.
	trashInterval = 10 * time.Minute
)

// tend looks after the apps that this node uses until ctx ends.
func (e *Engine) tend(ctx context.Context) {
	ticker := time.NewTicker(upkeepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		e.mu.Lock()
		apps := maps.Clone(e.apps)
		e.mu.Unlock()
		for id, a := range apps {
			if err := e.tendApp(ctx, id, a); err != nil && ctx.Err() == nil {
				e.logger.Warn("the upkeep of an app failed; it is tried again", "app", id, "error", err)
			}
		}
	}
}

func (e *Engine) tendApp(ctx context.Context, id yunduo.AppID, a *app) (err error) {
	if a.unordered.Load() {
		_, err = e.arrange(ctx, id)
	}
	if time.Since(a.tended) < trashInterval {
		return err
	}
	a.tended = time.Now()
	return errors.Join(err, e.finishMoves(ctx, id), e.emptyTrash(ctx, id))
}
