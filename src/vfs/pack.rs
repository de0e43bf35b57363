//! Writes git's pack and index formats, version 2, without deltas (`gitformat-pack(5)`).

use std::{collections::BTreeMap, io, path::Path};

use gix::{
    ObjectId,
    hash::{Kind as Hash, hasher},
    objs::Kind,
};

use super::{
    objects::{Object, compress, temporary},
    repository::{sync_folder, sync_together},
};

/// Offsets beyond this need the index's second table; requests are bounded far below.
const MAX_PACK_BYTES: usize = 0x7fff_ffff;

/// Writes the objects as one pack into `folder` and syncs it. The index, by which git finds a pack, comes last.
pub(super) fn write(folder: &Path, objects: &BTreeMap<ObjectId, Object>) -> io::Result<()> {
    let (pack, index, name) = encode(objects)?;
    let pack = temporary(folder, "tmp_pack_", &pack)?;
    let index = temporary(folder, "tmp_idx_", &index)?;
    sync_together(&[pack.as_file(), index.as_file()])?;
    for (file, extension) in [(pack, "pack"), (index, "idx")] {
        file.persist(folder.join(format!("pack-{name}.{extension}"))).map_err(|error| error.error)?;
    }
    sync_folder(folder)
}

fn encode(objects: &BTreeMap<ObjectId, Object>) -> io::Result<(Vec<u8>, Vec<u8>, ObjectId)> {
    let mut pack = b"PACK".to_vec();
    pack.extend(2_u32.to_be_bytes());
    pack.extend(number(objects.len())?);
    let (mut names, mut checksums, mut offsets) = (Vec::new(), Vec::new(), Vec::new());
    let mut fanout = [0_u32; 256];
    for (id, object) in objects {
        let start = pack.len();
        entry_header(object.kind, object.data.len(), &mut pack);
        pack.extend(compress(&[&object.data])?);
        if pack.len() > MAX_PACK_BYTES {
            return Err(io::Error::other("the pack would be larger than 2 GiB"));
        }
        names.extend(id.as_bytes());
        checksums.extend(crc32fast::hash(&pack[start..]).to_be_bytes());
        offsets.extend(number(start)?);
        fanout[usize::from(id.as_bytes()[0])] += 1;
    }
    let name = append_hash(&mut pack)?;

    let mut index = b"\xfftOc".to_vec();
    index.extend(2_u32.to_be_bytes());
    let mut total = 0;
    for count in fanout {
        total += count;
        index.extend(total.to_be_bytes());
    }
    for table in [names.as_slice(), &checksums, &offsets, name.as_bytes()] {
        index.extend(table);
    }
    append_hash(&mut index)?;
    Ok((pack, index, name))
}

fn number(value: usize) -> io::Result<[u8; 4]> {
    u32::try_from(value).map(u32::to_be_bytes).map_err(io::Error::other)
}

/// Appends an object's kind and size: 3 bits of kind, then 4 and further 7 bits of size, lowest first.
fn entry_header(kind: Kind, size: usize, pack: &mut Vec<u8>) {
    let kind = match kind {
        Kind::Commit => 1,
        Kind::Tree => 2,
        Kind::Blob => 3,
        Kind::Tag => 4,
    };
    let mut rest = size >> 4;
    let mut byte = (kind << 4) | (size & 0x0f) as u8;
    while rest > 0 {
        pack.push(byte | 0x80);
        byte = (rest & 0x7f) as u8;
        rest >>= 7;
    }
    pack.push(byte);
}

fn append_hash(bytes: &mut Vec<u8>) -> io::Result<ObjectId> {
    let mut hasher = hasher(Hash::Sha1);
    hasher.update(bytes);
    let id = hasher.try_finalize().map_err(io::Error::other)?;
    bytes.extend(id.as_bytes());
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_headers_take_sizes_of_any_length() {
        for (size, expected) in [(0, vec![0x30]), (15, vec![0x3f]), (16, vec![0xb0, 1]), (2048, vec![0xb0, 0x80, 1])] {
            let mut bytes = Vec::new();
            entry_header(Kind::Blob, size, &mut bytes);
            assert_eq!(bytes, expected, "size {size}");
        }
    }
}
