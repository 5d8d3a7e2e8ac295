package documents

import (
	"context"

	"yunduo"
	"yunduo/data/documents/driver"
)

// Retain makes the engine ask how much of each app's change log to keep. It reports whether the engine can: if not, all
// apps are alike. Called once, before the DB is used.
func (db *DB) Retain(of func(yunduo.AppID) driver.Retention) bool {
	engine, ok := db.engine.(driver.Retainer)
	if ok {
		engine.Retain(of)
	}
	return ok
}

// Suspend ends what goes on in an app on every node: watches and transactions. What the app has stays. The caller makes
// sure that nothing begins anew.
func (db *DB) Suspend(ctx context.Context, app yunduo.AppID) error {
	return db.definitions.announced(ctx, notice{App: string(app), Gone: true}, func(context.Context) error {
		db.open.abortApp(app)
		db.watches.dropApp(app)
		return nil
	})
}
