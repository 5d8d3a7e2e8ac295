package node

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// answers bounds what the host holds for a process that asks for much and does not take it: calls that can bring large
// answers begin only while those before them leave room, and give it back when the process takes their answers.
type answers struct {
	room *semaphore.Weighted
	last atomic.Int64 // size of a large answer lately
}

// What large answers of a process may take up, and the least that counts for one before its size is known.
const (
	answerRoom  = 32 << 20
	leastAnswer = 4 << 20
)

func newAnswers() answers { return answers{room: semaphore.NewWeighted(answerRoom)} }

// begin waits until a call may begin. end is to be called when its answer has been taken. The error is that of ctx.
func (a *answers) begin(ctx context.Context, operation string) (end func(), err error) {
	switch operation {
	case "documents.find", "documents.aggregate", "files.read":
	default: // what waits for something else, such as another function, must not keep these
		return func() {}, nil
	}
	weight := min(max(leastAnswer, a.last.Load()), answerRoom)
	if err := a.room.Acquire(ctx, weight); err != nil {
		return nil, err
	}
	return func() { a.room.Release(weight) }, nil
}

// expect takes the size of an answer as a sign of those to come.
func (a *answers) expect(size int) { a.last.Store(max(int64(size), a.last.Load()/2)) }
