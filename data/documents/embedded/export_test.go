package embedded

import "context"

// Sweep does one run of expiry and retention.
func (e *Engine) Sweep(ctx context.Context) error { return e.sweep(ctx) }
