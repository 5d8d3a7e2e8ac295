package mongowire

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents"
)

func explain(context.Context, *command, *documents.Session) ([]byte, error) {
	return nil, failf(codeCommandNotSupported, "todo")
}

func (c *command) explain(context.Context, *documents.Session, bson.Raw) ([]byte, error) {
	return nil, failf(codeCommandNotSupported, "todo")
}
