#include "vault/parity.hpp"

#include <algorithm>

#include "base/mutex.hpp"
#include "base/work_pool.hpp"

namespace hf {
namespace {
constexpr std::uint64_t kChoiceBytesMax = 4096;
constexpr std::size_t kPieceBytes = 16 * ContentName::kBlockBytes;
/// A pack is finished when it is full, and so somewhat larger than it should be.
std::uint64_t with_room(std::uint64_t pack_bytes) { return pack_bytes + pack_bytes / 8; }
}  // namespace

// --- the choice ---

Result<std::optional<ParityChoice>> parity_choice(ObjectStore& store) {
  const auto raw = store.get(parity_choice_name(), kChoiceBytesMax);
  if (!raw && raw.error().code == Code::not_found) return std::optional<ParityChoice>();
  if (raw) {
    const auto choice = ParityChoice::decode(*raw);
    if (choice) return std::optional(*choice);
    if (choice.error().code == Code::unsupported) return choice.error();
  }
  return std::optional(ParityChoice());
}

Status check_parity_choice(ObjectStore& store) {
  const auto raw = store.get(parity_choice_name(), kChoiceBytesMax);
  if (!raw) return raw.error().code == Code::not_found ? Status() : Status(raw.error());
  const auto choice = ParityChoice::decode(*raw);
  return choice ? Status() : Status(choice.error());
}

Status write_note(ObjectStore& store, const ObjectName& name, ByteView note) {
  const auto put = store.put(name, note);
  if (put || put.error().code != Code::already_exists) return put;
  const auto upload = HF_TRY(store.create(name.kind));
  HF_TRY(upload->append(note));
  return upload->replace(name);
}

Status choose_parity(ObjectStore& store, const std::optional<ParityChoice>& choice) {
  return choice ? write_note(store, parity_choice_name(), choice->encode()) : store.remove(parity_choice_name());
}

// --- making it ---

Result<std::uint64_t> make_parity(ObjectStore& store, const PackId& pack, unsigned percent) {
  const auto reader = HF_TRY(store.open({ObjectKind::pack, pack.hex()}));
  std::vector<Digest> blocks;
  ContentName name(&blocks);
  ParityBuilder builder(reader->size(), percent);
  Buffer piece;
  for (std::uint64_t at = 0; at < reader->size(); at += piece.size()) {
    piece.resize(std::min<std::uint64_t>(kPieceBytes, reader->size() - at));
    HF_TRY(reader->read(at, piece));
    name.update(piece);
    builder.update(piece);
  }
  if (PackId{name.finish()} != pack)
    return Error(Code::corrupt, "pack " + pack.brief() + " is damaged, and parity of damage is of no use", "see what is hit: holdfast verify --full").with_object("packs/" + pack.hex());
  const auto upload = HF_TRY(store.create(ObjectKind::parity));
  std::uint64_t bytes = 0;
  const bool made = HF_TRY(builder.finish(pack, blocks, [&](ByteView b) {
    bytes += b.size();
    return upload->append(b);
  }));
  if (!made) return Error(Code::unsupported, "pack " + pack.brief() + " is too large for parity");
  const bool there = store.open(parity_name(pack)).has_value();
  HF_TRY(there ? upload->replace(parity_name(pack)) : upload->commit(parity_name(pack)));
  return bytes;
}

Status protect(ObjectStore& store, const PackId& pack) {
  const auto choice = HF_TRY(parity_choice(store));
  if (!choice || store.open(parity_name(pack))) return {};
  HF_TRY(make_parity(store, pack, choice->percent));
  return {};
}

std::unique_ptr<ParityStream> ParityStream::begin(ObjectStore& store) {
  const auto choice = parity_choice(store);
  if (!choice || !*choice) return nullptr;
  return std::unique_ptr<ParityStream>(new ParityStream(store, (*choice)->percent));
}

ParityStream::ParityStream(ObjectStore& store, unsigned percent)
    : store_(store), percent_(percent), builder_(with_room(store.traits().pack_bytes), percent) {}

Status ParityStream::finish(const PackId& pack) {
  const auto upload = HF_TRY(store_.create(ObjectKind::parity));
  const bool made = HF_TRY(builder_.finish(pack, block_digests_, [&](ByteView b) { return upload->append(b); }));
  if (made) return upload->commit(parity_name(pack));
  HF_TRY(make_parity(store_, pack, percent_));  // far larger than packs of this store usually are
  return {};
}

// --- reading it ---

Result<StoredParity> StoredParity::open(ObjectStore& store, const PackId& pack) {
  StoredParity p;
  p.object_ = HF_TRY(store.open(parity_name(pack)));
  const ObjectReader& object = *p.object_;
  const auto read = [&](std::uint64_t at, std::uint64_t bytes) -> Result<Buffer> {
    Buffer b(bytes);
    HF_TRY(p.object_->read(at, b));
    return b;
  };
  const auto head_at = [&](std::uint64_t at) -> Result<ParityHead> {
    const ParityHead h = HF_TRY(ParityHead::decode(HF_TRY(read(at, ParityHead::kBytes))));
    if (h.pack != pack) return Error(Code::corrupt, "it is another pack's parity");
    return h;
  };
  if (object.size() < 2 * ParityHead::kBytes) return Error(Code::corrupt, "the parity is cut off");
  auto first = head_at(0), last = head_at(object.size() - ParityHead::kBytes);
  // The last head tells where things lie only in an object of the right size.
  if (last && last->shape.object_bytes() != object.size()) last = Error(Code::corrupt, "the parity is cut off");
  if (!first && !last) return first.error().code == Code::corrupt ? last.error() : first.error();
  p.head_ = first ? *first : *last;
  const ParityShape& s = p.head_.shape;
  // No size is believed that the object does not have: at least its first table must be there.
  if (s.table_bytes() > object.size()) return Error(Code::corrupt, "the parity is cut off");
  const auto table_at = [&](std::uint64_t at) -> Result<ParityTable> { return ParityTable::decode(p.head_, HF_TRY(read(at, s.table_bytes()))); };
  auto table = table_at(ParityHead::kBytes);
  auto copy = table_at(s.parity_offset(s.parity_blocks()));
  if (!table && !copy) return std::move(table.error());
  p.one_sided_ = !first || !last || !table || !copy || first->encode() != last->encode();
  p.table_ = table ? std::move(*table) : std::move(*copy);
  return p;
}

Status StoredParity::read_block(std::uint64_t parity_block, Buffer& out) const {
  out.resize(head_.shape.parity_block_bytes());
  const auto read = object_->read(head_.shape.parity_offset(parity_block), out);
  if (!read || sha256(out) != table_.parity[parity_block]) return Error(Code::corrupt, "a block of parity is damaged");
  return {};
}

Status StoredParity::check() const {
  if (object_->size() != shape().object_bytes()) return Error(Code::corrupt, "the parity has another size than it should");
  if (one_sided_) return Error(Code::corrupt, "one of the two copies of its head or table is damaged");
  Buffer block;
  for (std::uint64_t i = 0; i < shape().parity_blocks(); ++i) HF_TRY(read_block(i, block));
  return {};
}

Result<ParityList> list_parity(ObjectStore& store) {
  ParityList list;
  HF_TRY(store.list(ObjectKind::parity, [&](std::string_view name, std::uint64_t bytes) {
    const auto id = PackId::parse(name);
    if (!id) return;
    list.objects[*id] = bytes;
    list.bytes += bytes;
  }));
  return list;
}

// --- all of a vault ---

Result<ParityWork> add_parity(ObjectStore& store, unsigned percent, unsigned jobs, Progress& progress) {
  ParityWork work;
  const ParityList there = HF_TRY(list_parity(store));
  std::vector<PackId> lacking;
  std::uint64_t total = 0;
  HF_TRY(store.list(ObjectKind::pack, [&](std::string_view name, std::uint64_t bytes) {
    const auto id = PackId::parse(name);
    if (!id) return;
    ++work.packs;
    work.pack_bytes += bytes;
    if (there.objects.contains(*id)) return;
    lacking.push_back(*id);
    total += bytes;
  }));
  std::sort(lacking.begin(), lacking.end());
  progress.items_total = lacking.size();
  progress.bytes_total = total;
  Mutex mutex;
  WorkPool pool(jobs);
  for (const PackId& id : lacking)
    pool.push([&store, &progress, &work, &mutex, percent, id](unsigned) {
      if (progress.stop_requested) return;
      const auto reader = store.open({ObjectKind::pack, id.hex()});
      if (!reader && reader.error().code == Code::not_found) return;  // removed meanwhile
      const auto made = make_parity(store, id, percent);
      progress.items_done.fetch_add(1, std::memory_order_relaxed);
      if (reader) progress.bytes_done.fetch_add((*reader)->size(), std::memory_order_relaxed);
      Lock lock(mutex);
      if (made) {
        ++work.made;
        work.made_bytes += *made;
      } else {
        progress.errors.fetch_add(1, std::memory_order_relaxed);
        work.failed.emplace_back(id, made.error());
      }
    });
  pool.run();
  if (progress.stop_requested) return Error(Code::cancelled, "stopped; the parity that was made stays", "go on: holdfast parity add");
  std::sort(work.failed.begin(), work.failed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return work;
}

Result<ParityWork> remove_parity(ObjectStore& store, Progress& progress) {
  ParityWork work;
  const ParityList there = HF_TRY(list_parity(store));
  progress.items_total = there.objects.size();
  for (const auto& [id, bytes] : there.objects) {
    if (progress.stop_requested) return Error(Code::cancelled, "stopped; some parity is left", "go on: holdfast parity remove");
    HF_TRY(store.remove(parity_name(id)));
    ++work.removed;
    work.removed_bytes += bytes;
    progress.items_done.fetch_add(1, std::memory_order_relaxed);
  }
  return work;
}

}  // namespace hf
