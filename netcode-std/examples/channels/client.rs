//! Client: 20 messages of each length through a simulated network, and back in order.

use std::error::Error;
use std::time::Instant;

use netcode_std::{Client, ClientEvent, Conditions, RECEIVE_BUFFER_BYTES, Simulator};
use netcode_std::{SocketOptions, UdpLink};
use renet::{ConnectionConfig, DefaultChannel, RenetClient};

use crate::TICK;
use crate::packets::Packets;

const LENGTHS: [usize; 3] = [1, 1000, 5000];
const MESSAGES: u8 = 20;

pub(crate) fn run(token_file: &str, loss: u32) -> Result<(), Box<dyn Error>> {
    let link = UdpLink::bind(&["0.0.0.0:0".parse()?], &SocketOptions::default())?;
    let conditions = Conditions {
        loss: f64::from(loss) / 100.0,
        ..Conditions::default()
    };
    let mut client = Client::with_link(Simulator::new(link, conditions));
    client.connect(&std::fs::read(token_file)?)?;

    let mut channels = RenetClient::new(ConnectionConfig::default());
    for length in LENGTHS {
        for number in 0..MESSAGES {
            channels.send_message(DefaultChannel::ReliableOrdered, vec![number; length]);
        }
    }
    let mut expected = LENGTHS
        .into_iter()
        .flat_map(|length| (0..MESSAGES).map(move |number| vec![number; length]));
    let mut packets = Packets::new();
    let (mut last, mut received) = (Instant::now(), 0);
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    while received < LENGTHS.len() * usize::from(MESSAGES) {
        let now = Instant::now();
        client.update(now)?;
        while let Some(event) = client.next_event(&mut buffer)? {
            if let ClientEvent::Payload { payload, .. } = event
                && let Some(packet) = packets.packet(now, payload)
            {
                channels.process_packet(packet);
            }
        }
        while let Some(message) = channels.receive_message(DefaultChannel::ReliableOrdered) {
            if expected.next().as_deref() != Some(&*message) {
                return Err(format!("message {received} came back in another order").into());
            }
            received += 1;
        }
        if !client.state().is_active() {
            return Err(format!("no session: {}", client.state()).into());
        }
        if let Some(reason) = channels.disconnect_reason() {
            return Err(reason.to_string().into());
        }
        if client.is_connected() && now.duration_since(last) >= TICK {
            channels.set_connected();
            channels.update(now.duration_since(last));
            last = now;
            for packet in channels.get_packets_to_send() {
                for payload in packets.payloads(&packet)? {
                    client.send(payload)?;
                }
            }
        }
        client.wait(TICK)?;
    }
    let lost = client.link().stats().lost;
    println!("{received} messages came back in order; {lost} datagrams were lost");
    client.disconnect()?;
    Ok(())
}
