package client

import (
	"context"

	"yunduo/wire"
)

// WeChat returns the app's settings for WeChat, without secrets.
func (c *Client) WeChat(ctx context.Context) (wire.WeChatSettings, error) {
	var reply wire.WeChatSettings
	err := c.Do(ctx, "GET", c.managePath("/wechat"), nil, &reply)
	return reply, err
}

// SetWeChat changes the app's settings for WeChat.
func (c *Client) SetWeChat(ctx context.Context, change wire.WeChatSettingsRequest) (wire.WeChatSettings, error) {
	var reply wire.WeChatSettings
	err := c.Do(ctx, "PUT", c.managePath("/wechat"), change, &reply)
	return reply, err
}
