package cloudbase

import (
	"encoding/json"

	"google.golang.org/protobuf/encoding/protowire"

	"yunduo"
)

// The envelopes in which wx-server-sdk sends calls of WeChat's own services, and gets their answers.

// Kinds of calls in an envelope.
const (
	kindOpenAPI = 0
	kindService = 2 // of the vendor's backend, such as the one that opens cloud IDs
)

// envelope is a CommApiData.
type envelope struct {
	kind    uint64
	pairs   []pair
	service string
	request []byte // of the service, in its own form
}

// pair is a parameter of a server API: JSON, or the content of a file.
type pair struct {
	key         string
	value       []byte
	contentType string
	fileName    string
}

func (p pair) file() bool { return p.contentType != "" || p.fileName != "" }

func badEnvelope() error {
	return yunduo.Errorf(yunduo.ReasonInvalidRequest, "requestData: it is not the message that wx-server-sdk sends")
}

// eachField calls each with every field of a message: its number, and the value of a number or of bytes. Others are skipped.
func eachField(message []byte, each func(number protowire.Number, value uint64, bytes []byte) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return badEnvelope()
		}
		message = message[n:]
		var value uint64
		var bytes []byte
		switch kind {
		case protowire.VarintType:
			value, n = protowire.ConsumeVarint(message)
		case protowire.BytesType:
			bytes, n = protowire.ConsumeBytes(message)
		default:
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			return badEnvelope()
		}
		message = message[n:]
		if err := each(number, value, bytes); err != nil {
			return err
		}
	}
	return nil
}

func parseEnvelope(message []byte) (*envelope, error) {
	e := &envelope{}
	err := eachField(message, func(number protowire.Number, value uint64, bytes []byte) error {
		switch number {
		case 1:
			e.kind = value
		case 2:
			return eachField(bytes, func(number protowire.Number, _ uint64, bytes []byte) error {
				if number != 1 {
					return nil
				}
				p, err := parsePair(bytes)
				e.pairs = append(e.pairs, p)
				return err
			})
		case 4:
			return eachField(bytes, func(number protowire.Number, _ uint64, bytes []byte) error {
				switch number {
				case 1:
					e.service = string(bytes)
				case 2:
					e.request = bytes
				}
				return nil
			})
		}
		return nil
	})
	return e, err
}

func parsePair(message []byte) (p pair, err error) {
	err = eachField(message, func(number protowire.Number, _ uint64, bytes []byte) error {
		switch number {
		case 1:
			p.key = string(bytes)
		case 2:
			p.value = bytes
		case 3:
			p.contentType = string(bytes)
		case 4:
			p.fileName = string(bytes)
		}
		return nil
	})
	return p, err
}

// repeated returns the texts of a repeated field.
func repeated(message []byte, wanted protowire.Number) (list []string, err error) {
	err = eachField(message, func(number protowire.Number, _ uint64, bytes []byte) error {
		if number == wanted {
			list = append(list, string(bytes))
		}
		return nil
	})
	return list, err
}

func appendBytes(message []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(message, number, protowire.BytesType), value)
}

// answerEnvelope is a CommOpenApiResp.
func answerEnvelope(contentType string, body []byte) []byte {
	message := appendBytes(nil, 1, body)
	message = appendBytes(message, 2, []byte(contentType))
	return protowire.AppendVarint(protowire.AppendTag(message, 4, protowire.VarintType), 200)
}

// openedEnvelope is what the service answers that opens cloud IDs: each with its JSON.
func openedEnvelope(list []json.RawMessage) ([]byte, error) {
	var message []byte
	for _, text := range list {
		var opened struct {
			CloudID string `json:"cloudID"`
		}
		if err := json.Unmarshal(text, &opened); err != nil {
			return nil, yunduo.Wrap(err, yunduo.ReasonInternal, "an opened cloud ID cannot be read")
		}
		message = appendBytes(message, 1, appendBytes(appendBytes(nil, 1, []byte(opened.CloudID)), 2, text))
	}
	return message, nil
}
