// Writes the seeds of the kept corpus: make_seeds fuzz/corpus. The same files on every run.
#include <filesystem>
#include <fstream>

#include "codec/compress.hpp"
#include "format/examples.hpp"
#include "format/known_points.hpp"
#include "format/needs.hpp"
#include "format/prune_note.hpp"
#include "format/parity.hpp"
#include "format/stripe.hpp"
#include "format/wire.hpp"
#include "fuzz/check.hpp"

namespace {
using namespace hf;
using namespace hf::examples;
std::filesystem::path corpus;

void write(const std::string& target, const std::string& name, ByteView content) {
  std::filesystem::create_directories(corpus / target);
  std::ofstream(corpus / target / name, std::ios::binary).write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
}
Buffer chosen(std::uint8_t which, ByteView content) {
  Buffer b{which};
  append(b, content);
  return b;
}
Buffer body_of(const RecoveryPoint& p) {
  const Buffer object = encode_point(p, kSeed);
  wire::Reader r(object);
  const ByteView body = r.bytes();
  return {body.begin(), body.end()};
}
}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  corpus = argv[1];
  PackTrailer trailer;
  trailer.directory_offset = 1 << 25;
  trailer.directory_stored_bytes = 4711;
  Buffer head;
  segment_head().encode(head);
  write("pack", "seed-header", chosen(0, pack_header().encode()));
  write("pack", "seed-trailer", chosen(1, trailer.encode()));
  write("pack", "seed-directory", chosen(2, pack_directory().encode()));
  write("pack", "seed-directory-empty", chosen(2, PackDirectory().encode()));
  write("pack", "seed-segment", chosen(3, head));
  SegmentHead stored;
  stored.plain_bytes = 5;
  stored.chunk_bytes = {2, 3};
  head.clear();
  stored.encode(head);
  append(head, as_bytes("hello"));
  write("pack", "seed-segment-stored", chosen(3, head));

  Buffer small_pack(10'000);
  for (std::size_t i = 0; i < small_pack.size(); ++i) small_pack[i] = static_cast<std::uint8_t>(i);
  ParityHead parity_head;
  parity_head.shape = ParityShape::suited(small_pack.size());
  parity_head.pack = PackId{content_name(small_pack)};
  write("parity", "seed-head", chosen(0, parity_head.encode()));
  parity_head.shape = ParityShape::suited(32u << 20);
  write("parity", "seed-head-large", chosen(0, parity_head.encode()));
  parity_head.shape = ParityShape::suited(3 * ContentName::kBlockBytes);
  Buffer table = parity_head.encode();
  table.resize(table.size() + parity_head.shape.table_bytes(), 7);
  write("parity", "seed-table", chosen(1, table));
  write("parity", "seed-choice", chosen(2, ParityChoice().encode()));
  Buffer parity_pack{200, 3};
  append(parity_pack, ByteView(small_pack).first(5'000));
  write("parity", "seed-pack", chosen(3, parity_pack));

  std::vector<StripeMember> stripe_members;
  for (std::uint8_t i = 0; i < 3; ++i) stripe_members.push_back({PackId::from(Buffer(PackId::kBytes, i)), 70'000u - 30'000u * i});
  const Stripe stripe = Stripe::of(VaultId::from(Buffer(VaultId::kBytes, 7)), 2, stripe_members);
  StripeRecord stripe_record;
  stripe_record.digests = {Digest{}};
  stripe_record.parity = Buffer(stripe.parity_bytes(1), 5);
  write("stripe", "seed-head", chosen(0, StripeHead{stripe, 1}.encode()));
  write("stripe", "seed-record", chosen(1, stripe_record.encode(stripe.id(), 1, 1)));
  write("stripe", "seed-choice", chosen(2, StripesChoice{stripe.vault, 10, 2, "/second"}.encode()));
  write("stripe", "seed-name", chosen(3, as_bytes(StripeObject{stripe.id(), 1}.text())));
  write("stripe", "seed-heal", chosen(4, Buffer(40, 0)));
  write("stripe", "seed-heal-forged", chosen(4, Buffer(1000, 1)));

  IndexTrailer index_trailer;
  index_trailer.table_offset = 123456;
  index_trailer.table_stored_bytes = 789;
  Buffer entry_bytes(IndexEntry::kBytes);
  encode_index_entry({{1, 2}, 3, 4, 5, 6}, entry_bytes);
  write("index", "seed-table", chosen(0, index_table().encode()));
  write("index", "seed-table-empty", chosen(0, IndexTable().encode()));
  write("index", "seed-trailer", chosen(1, index_trailer.encode()));
  write("index", "seed-entry", chosen(2, entry_bytes));

  write("tree", "seed-leaf", encode_leaf(leaf()));
  for (const Entry& e : leaf()) write("tree", "seed-type-" + std::to_string(static_cast<int>(e.stat.type)) + "-" + std::to_string(e.name.size()), encode_leaf({e}));
  write("tree", "seed-leaf-empty", encode_leaf({}));
  write("tree", "seed-inner", encode_inner(ranges()));
  write("tree", "seed-refs", encode_ref_list(refs()));

  RecoveryPoint plain;
  plain.root = entry(FileType::directory, "root");
  write("point", "seed-full", body_of(point()));
  write("point", "seed-plain", body_of(plain));
  write("proof", "seed", encode_proof(proof()));
  write("deletion", "seed-lease", chosen(0, encode_lease(lease())));
  write("deletion", "seed-tombstone", chosen(1, encode_tombstone(tombstone())));
  write("deletion", "seed-verdict", chosen(2, encode_verdict(Verdict::reaped)));
  write("deletion", "seed-fence", chosen(3, encode_fence(fence())));
  write("deletion", "seed-epoch", chosen(4, encode_epoch(epoch())));
  write("deletion", "seed-hold", chosen(5, encode_hold(hold())));

  for (SlotKind kind : {SlotKind::passphrase, SlotKind::key_file, SlotKind::recovery_key})
    write("key_slot", "seed-" + std::string(name_of(kind)), chosen(0, key_slot(kind).encode()));
  write("key_slot", "seed-version-2", chosen(0, key_slot_v2(SlotKind::shares).encode()));
  write("key_slot", "seed-label", chosen(1, encode_label(slot_label())));
  SlotLabel second = slot_label();
  second.epoch = 2;
  second.public_key = key_slot_v2().public_key;
  write("key_slot", "seed-label-version-2", chosen(1, encode_label(second)));
  write("rotation", "seed", chosen(0, rotation().encode()));
  write("rotation", "seed-root-keys", chosen(1, encode_root_keys({{3, kKey}, {4, kKey}})));
  Buffer keys;
  wire::Writer w(keys);
  w.varint(2);
  for (const RootKey& k : root_keys()) {
    w.u32(k.epoch);
    w.raw(k.key);
  }
  write("key_slot", "seed-root-keys", chosen(2, keys));
  Buffer writer_keys = keys;
  append(writer_keys, Buffer(96, 9));
  wire::Writer(writer_keys).bytes(encode_params({}));
  write("key_slot", "seed-writer-keys", chosen(2, writer_keys));
  write("key_slot", "seed-write-only", chosen(0, key_slot_v2(SlotKind::write_only).encode()));

  write("vault_config", "seed", chosen(0, vault_config().encode()));
  write("vault_config", "seed-params", chosen(1, encode_params({})));

  write("sealed", "seed", seal_object(frame(), kVault, kKey, as_bytes("holdfast")));
  write("sealed", "seed-empty", seal_object(frame(SealedKind::replica, 7), kVault, kKey, {}));

  const std::string text = "never a byte too many, never a byte too few; never a byte too many, never a byte too few; ";
  Buffer packed = {static_cast<std::uint8_t>(text.size()), 0, 0};
  Compressor(3).compress(as_bytes(text), packed);
  write("decompress", "seed", packed);
  Buffer bomb = {0xFF, 0xFF, 3};
  Compressor(3).compress(Buffer(1 << 20), bomb);
  write("decompress", "seed-bomb", bomb);
  const Buffer zeros(0x3FFFF);
  Buffer fits = {0xFF, 0xFF, 3};
  Compressor(3).compress(zeros, fits);
  write("decompress", "seed-zeros", fits);

  const auto text_seed = [](const std::string& target, const std::string& name, std::string_view content) { write(target, name, as_bytes(content)); };
  text_seed("units", "seed-time", "2026-05-02T14:02:31.123456789Z");
  text_seed("units", "seed-day", "2026-05-02 14:02");
  text_seed("units", "seed-bytes", "1.5GiB");
  text_seed("units", "seed-hex", "00ff10");
  text_seed("config", "seed",
            "# settings\nvault = \"/srv/backup/vault\"\npassphrase-command = 'pass show holdfast'\n[backup]\nexclude = [\"*.tmp\", \"a\\tb\\u00e9\",\n  'node_modules', # more\n]\n"
            "exclude-caches = true\ncompression-level = 3\n");
  text_seed("config", "seed-policy",
            "[policy]\nkeep-daily = 7\nkeep-yearly = \"all\"\nkeep-within = \"30d12h\"\nfull-every = \"quarter\"\nindependent = \"yearly\"\nexclude = \"*.tmp\"\n"
            "[source.home]\npaths = [\"/home\", '/root']\nhost = \"web\"\nschedule = [\"Mon..Fri 02:00\", \"daily\"]\ntime-zone = \"Europe/Berlin\"\njitter = \"20m\"\n"
            "differential-every = \"month\"\nkeep-last = 3\nkeep-hourly = 24\nrpo = \"26h\"\nrto = \"4h\"\nbefore = \"true\"\nhook-timeout = \"10m\"\nread-rate = \"20M\"\nexclude-caches = true\n");
  text_seed("recovery_key", "seed", "7QK2-M9D0-XH4T-1V8N-ZA\n0B6E-RR3W-58JC-GPYS-4K\n");
  text_seed("key_shares", "seed", "0410-60A6-8D0C-A95K-8E\n"
            "CHJ6-8S3C-DHP6-RS34-1S\n"
            "CHJ7-RZ3W-FHJ6-8S34-8T\n"
            "0410-60J6-8D0C-A95K-B7\n"
            "S35W-XKEM-TZ9D-3M6K-PA\n"
            "TVAY-SVZA-X7WF-QZQX-7J\n");
  text_seed("exclude", "seed", std::string_view("*.o\n# comment\n/home/x/tmp\nsrc/**/build/\n!keep.o\n[a-z]?\n\0home/x/keep.o", 67));
  Buffer replica;
  wire::Writer r(replica);
  r.u8(4);
  r.text("0102030405060708090a0b0c0d0e0f10");
  r.bytes(as_bytes("an object"));
  write("replica", "seed-point", replica);
  replica.clear();
  r.u8(0);
  r.text("holdfast-vault");
  r.bytes(vault_config().encode());
  write("replica", "seed-config", replica);
  Buffer torn(PackHeader::kBytes);
  for (int i = 0; i < 3; ++i) {
    append(torn, Buffer{0xF5, 4});
    torn.resize(torn.size() + 20, 7);
    if (i == 1) append(torn, as_bytes("HF\x9E\x01 torn"));
  }
  write("torn_pack", "seed", torn);
  Buffer raw{30};  // pieces of 30 bytes
  append(raw, as_bytes("noise HF\x9E\x01 H"));
  append(raw, Buffer{0xF5, 200, 0xF6, 'H', 0xF7, 7});
  append(raw, key_slot(SlotKind::passphrase).encode());
  append(raw, vault_config().encode());
  write("raw_scan", "seed", raw);
  Buffer cut{255};
  append(cut, ByteView(vault_config().encode()).first(40));
  append(cut, as_bytes("HFSLOT\r\nH"));
  write("raw_scan", "seed-cut", cut);
  text_seed("rescue_map", "seed", "# Mapfile\n0x00120000     +               1\n0x00000000  0x00117000  +\n0x00117000  0x00000200  -\n0x00117200  512 /\n");
  NeedGraph graph;
  std::vector<ChunkKey> chunk_keys;
  for (std::uint64_t n = 1; n <= 8; ++n) chunk_keys.push_back({n << 56, n});
  const std::span<const ChunkKey> all(chunk_keys);
  graph.add_node(chunk_keys[0], {}, all.subspan(1, 3));
  graph.add_node(chunk_keys[4], all.first(1), all.subspan(2, 4));
  graph.add_pack(PackId::from(Buffer(PackId::kBytes, 9)), std::vector<NeedGraph::Delta>{{{chunk_keys[1]}, {chunk_keys[6], chunk_keys[7]}}, {{chunk_keys[6]}, {chunk_keys[2]}}});
  graph.add_pack(PackId::from(Buffer(PackId::kBytes, 10)), {});
  write("cache", "seed-needs", chosen(1, graph.encode()));
  write("cache", "seed-needs-empty", chosen(1, NeedGraph().encode()));
  write("cache", "seed-note", chosen(2, encode_prune_note({sha256({}), 3, 4711, 1000})));
  write("cache", "seed-points", chosen(0, encode_known_points({{PointId::from(Buffer(PointId::kBytes, 1)), Digest{}}, {PointId::from(Buffer(PointId::kBytes, 2)), sha256({})}})));
  return 0;
}
