import { Button, Result } from 'antd'
import { Component, type ReactNode } from 'react'
import { useText } from '../i18n'

/** Holds a page that failed to load or to draw, so that the menu stays usable. */
export class Crash extends Component<{ children: ReactNode }, { error?: Error }> {
  override state: { error?: Error } = {}
  static getDerivedStateFromError(error: Error) { return { error } }
  override render() { return this.state.error ? <Apology error={this.state.error} /> : this.props.children }
}

function Apology({ error }: { error: Error }) {
  const { t } = useText()
  return <Result status="warning" title={t('crashed')} subTitle={error.message} extra={<Button type="primary" onClick={() => location.reload()}>{t('reload')}</Button>} />
}
