//! Methods on a channel: opening and closing it, its modes, and who deals with the rest.

use broker_protocol::method::{Method, access, channel, confirm};
use broker_protocol::reply::ReplyCode;

use crate::channel::Channel;
use crate::channel::confirms::Confirms;
use crate::connection::Connection;
use crate::connection::answers::{Awaited, Reply};
use crate::fault::Fault;
use crate::request::Request;

// === impl Connection ===

impl Connection {
    /// A method on a channel other than 0.
    pub(super) fn channel_method(
        &mut self,
        number: u16,
        method: Method<'_>,
        requests: &mut Vec<Request>,
    ) -> Result<(), Fault> {
        let Some(channel) = self.channels.get(&number) else {
            return self.on_absent_channel(number, &method, requests);
        };
        if channel.closing {
            self.on_closing_channel(number, &method);
            return Ok(());
        }
        if channel.content.is_some() {
            return Err(Fault::unexpected_frame(
                "expected content header for class 60, got non content header frame instead",
            ));
        }
        match method {
            Method::ChannelOpen(_) => {
                return Err(Fault::connection(
                    ReplyCode::ChannelError,
                    "second 'channel.open' seen",
                ));
            }
            Method::ChannelClose(_) => {
                self.write_confirms();
                self.release_channel(number, requests);
                self.channels.remove(&number);
                self.send(number, channel::CloseOk {});
            }
            Method::ChannelCloseOk(_) | Method::ChannelFlowOk(_) => {}
            Method::ChannelFlow(channel::Flow { active: true }) => {
                self.send(number, channel::FlowOk { active: true });
            }
            Method::ChannelFlow(_) => {
                return Err(Fault::connection(ReplyCode::NotImplemented, "active=false"));
            }
            Method::AccessRequest(_) => self.send(number, access::RequestOk { ticket: 1 }),
            Method::ConfirmSelect(select) => return self.confirm_select(number, &select),
            method if method.id().0 == 90 => return self.tx_method(number, &method, requests),
            method if method.id().0 == 60 => return self.basic_method(number, method, requests),
            method => return self.topology_method(number, method, requests),
        }
        Ok(())
    }

    fn on_absent_channel(
        &mut self,
        number: u16,
        method: &Method<'_>,
        requests: &mut Vec<Request>,
    ) -> Result<(), Fault> {
        match method {
            // As in RabbitMQ it is their number that is limited, and not what they are numbered.
            Method::ChannelOpen(_) if self.channels.len() >= self.limits.channel_max.into() => {
                let most = self.limits.channel_max;
                let detail = format_args!(
                    "number of channels opened ({most}) has reached the negotiated channel_max ({most})"
                );
                Err(Fault::connection(ReplyCode::NotAllowed, detail))
            }
            Method::ChannelOpen(_) if self.asks_for_channels => {
                self.flush_settling(requests);
                self.awaited = Some(Awaited::Channel { number });
                requests.push(Request::OpenChannel);
                Ok(())
            }
            Method::ChannelOpen(_) => {
                self.open_channel(number);
                Ok(())
            }
            // The client closed it when the broker did the same.
            Method::ChannelCloseOk(_) => Ok(()),
            _ => Err(Fault::connection(ReplyCode::ChannelError, "expected 'channel.open'")),
        }
    }

    pub(super) fn open_channel(&mut self, number: u16) {
        self.channels_made = self.channels_made.wrapping_add(1);
        self.channels.insert(number, Box::new(Channel::new(self.channels_made)));
        self.send(number, channel::OpenOk {});
    }

    /// The broker has closed it, and the client may not know: all but the closing is ignored.
    fn on_closing_channel(&mut self, number: u16, method: &Method<'_>) {
        match method {
            Method::ChannelCloseOk(_) => {
                self.channels.remove(&number);
            }
            Method::ChannelClose(_) => self.send(number, channel::CloseOk {}),
            _ => {}
        }
    }

    fn confirm_select(&mut self, number: u16, select: &confirm::Select) -> Result<(), Fault> {
        if let Some(channel) = self.channel(number) {
            if channel.transaction.is_some() {
                let detail = "cannot switch from tx to confirm mode";
                return Err(Fault::channel(ReplyCode::PreconditionFailed, detail));
            }
            channel.confirms.get_or_insert_with(Confirms::default);
        }
        if !select.no_wait {
            self.send(number, confirm::SelectOk {});
        }
        Ok(())
    }

    /// Puts a question whose answer input has to wait for.
    pub(super) fn ask(
        &mut self,
        channel: u16,
        method: (u16, u16),
        reply: Reply,
        request: Request,
        requests: &mut Vec<Request>,
    ) {
        self.flush_settling(requests);
        self.awaited = Some(Awaited::Method { channel, method, reply });
        requests.push(request);
    }
}
