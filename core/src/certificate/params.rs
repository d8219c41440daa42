//! How the root's extension writes the network parameters: a fixed layout, one byte string per meaning.

use crate::{
    id::NetworkId,
    params::{NetworkParams, Preset},
    read::Reader,
};

/// The extension's OID: 2.25.N. The design wants N below 2³², fixed here; ours spells `Ifrt`.
pub const PARAMS_OID: [u32; 3] = [2, 25, 0x4966_7274];

/// Layout: version (1), network id (32), k (1), N (4), p (4), ε (4), preset (1), Δ (4), lease (4), allowance (4).
/// Numbers are big-endian. t follows from k.
pub const NETWORK_PARAMS_LEN: usize = 59;

const VERSION: u8 = 1;

impl NetworkParams {
    /// The bytes for the root's extension.
    pub fn encode(&self) -> [u8; NETWORK_PARAMS_LEN] {
        let mut bytes = [0; NETWORK_PARAMS_LEN];
        let mut rest = &mut bytes[..];
        let mut put = |field: &[u8]| {
            let (head, tail) = core::mem::take(&mut rest).split_at_mut(field.len());
            head.copy_from_slice(field);
            rest = tail;
        };
        put(&[VERSION]);
        put(&self.id.0);
        put(&[self.rings]);
        put(&self.members.to_be_bytes());
        put(&self.byzantine_ppm.to_be_bytes());
        put(&self.epsilon_ppm.to_be_bytes());
        put(&[preset_number(self.preset)]);
        put(&self.delta_ms.to_be_bytes());
        put(&self.lease_s.to_be_bytes());
        put(&self.allowance_s.to_be_bytes());
        bytes
    }

    /// What [`NetworkParams::encode`] wrote; `None` for every other byte string, and for parameters that
    /// [`NetworkParams::check`] refuses.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return None;
        }
        let params = Self {
            id: NetworkId(reader.array()?),
            rings: reader.u8()?,
            members: u32(&mut reader)?,
            byzantine_ppm: u32(&mut reader)?,
            epsilon_ppm: u32(&mut reader)?,
            preset: preset(reader.u8()?)?,
            delta_ms: u32(&mut reader)?,
            lease_s: u32(&mut reader)?,
            allowance_s: u32(&mut reader)?,
        };
        reader.end()?;
        params.check().is_ok().then_some(params)
    }
}

fn u32(reader: &mut Reader<'_>) -> Option<u32> {
    reader.array().map(u32::from_be_bytes)
}

fn preset_number(preset: Preset) -> u8 {
    match preset {
        Preset::Lan => 1,
        Preset::Wan => 2,
        Preset::Local => 3,
    }
}

fn preset(number: u8) -> Option<Preset> {
    [Preset::Lan, Preset::Wan, Preset::Local].into_iter().find(|preset| preset_number(*preset) == number)
}
