import { DeleteOutlined } from '@ant-design/icons'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert, Button, Card, List, Popconfirm, Typography } from 'antd'
import { manage, part, request, type TicketKey } from '../api'
import { useText } from '../i18n'
import { Failure } from './Failure'
import { when } from './format'

/** Key pairs with which the app's own server vouches for users. The private half is shown once, as the SDKs' file. */
export function TicketKeys({ app }: { app: string }) {
  const { t } = useText()
  const queries = useQueryClient()
  const path = manage(app, '/ticketKeys')
  const list = useQuery({ queryKey: ['ticketKeys', app], queryFn: () => request<{ keys: TicketKey[] }>('GET', path) })
  const refresh = () => queries.invalidateQueries({ queryKey: ['ticketKeys', app] })
  const create = useMutation({ mutationFn: () => request<TicketKey>('POST', path, {}), onSuccess: refresh })
  const remove = async (key: TicketKey) => {
    await request('DELETE', `${path}/${part(key.private_key_id)}`)
    await refresh()
  }
  const file = create.data && JSON.stringify({ private_key_id: create.data.private_key_id, private_key: create.data.private_key, env_id: create.data.env_id }, null, 2)
  return (
    <Card size="small" title={t('ticketKeys')} style={{ marginTop: 16 }} extra={<Button size="small" loading={create.isPending} onClick={() => create.mutate()}>{t('newTicketKey')}</Button>}>
      <p style={{ marginTop: 0 }} className="muted">{t('ticketKeysHint')}</p>
      {(list.error ?? create.error) && <Failure error={(list.error ?? create.error)!} />}
      {file && <Alert type="success" title={t('keyOnce')} description={<Typography.Paragraph copyable={{ text: file }} className="mono" data-testid="ticketKey" style={{ overflowWrap: 'anywhere', whiteSpace: 'pre-wrap', maxHeight: 200, overflow: 'auto' }}>{file}</Typography.Paragraph>} />}
      <List size="small" dataSource={list.data?.keys} rowKey="private_key_id" locale={{ emptyText: t('noTicketKeys') }} renderItem={key => (
        <List.Item actions={[
          <Popconfirm key="remove" title={t('ticketKeyGone')} onConfirm={() => remove(key)} okButtonProps={{ danger: true }}>
            <Button type="text" danger aria-label={`${t('remove')} ${key.private_key_id}`} icon={<DeleteOutlined />} />
          </Popconfirm>,
        ]}>
          <span><span className="mono">{key.private_key_id}</span> <span className="muted">{when(key.createdAt)}</span></span>
        </List.Item>
      )} />
    </Card>
  )
}
