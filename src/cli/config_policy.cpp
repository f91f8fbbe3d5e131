#include "cli/config_policy.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.hpp"
#include "cli/text.hpp"

namespace hf::cli {
namespace {

/// Where the value of one key goes. `take` is given one text (of a list, each), already of the right TOML type, and says
/// what is wrong with it.
struct Key {
  enum class Type : std::uint8_t { text, texts, flag, count, rate };
  std::string_view name;
  Type type;
  Status (*take)(SourcePolicy&, std::string_view);
  bool of_sources_only = false;
};

Result<Period> parse_period(std::string_view text, std::string_view (*name)(Period)) {
  std::vector<std::string> known;
  for (Period p : kPeriods) {
    if (p == Period::hour) continue;
    if (text == name(p)) return p;
    known.emplace_back(name(p));
  }
  known.emplace_back("never");
  return Error(Code::usage, fmt::format("'{}' is not one of {}", printable(text), listed(known)));
}

Status take_period(std::optional<Period>& to, std::string_view text, std::string_view (*name)(Period)) {
  if (text == "never") to.reset();
  else to = HF_TRY(parse_period(text, name));
  return {};
}

Status take_span(auto& to, std::string_view text) {
  to = HF_TRY(parse_span(text));
  return {};
}

Status take_rate(std::optional<std::uint64_t>& to, std::string_view text) {
  const std::uint64_t rate = HF_TRY(parse_bytes(text));
  if (rate < 1024) return Error(Code::usage, "less than 1K a second would never end", "leave it out for no limit");
  to = rate;
  return {};
}

Result<std::uint32_t> parse_keep(std::string_view text) {
  if (text == "all") return Retention::kAll;
  std::uint32_t n = 0;
  for (char c : text) {
    if (c < '0' || c > '9' || n > Retention::kCountMax) return Error(Code::usage, "not a number of points", "a whole number, or \"all\"");
    n = n * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (n > Retention::kCountMax) return Error(Code::usage, fmt::format("more than {}", Retention::kCountMax), "\"all\" keeps every one");
  return n;
}

template <std::uint32_t Retention::*Member>
Status keep(SourcePolicy& s, std::string_view text) {
  s.retention.*Member = HF_TRY(parse_keep(text));
  return {};
}

Status take_zone(SourcePolicy& s, std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '_' || c == '-' || c == '+';
  });
  if (!plain || text.starts_with('/') || text.size() > 64) return Error(Code::usage, "not the name of a time zone", "write it as Europe/Berlin or UTC");
  s.time_zone = text;
  return {};
}

using T = Key::Type;
constexpr bool kSourceOnly = true;
const Key kKeys[] = {
    {"paths", T::texts, [](SourcePolicy& s, std::string_view t) -> Status { return s.paths.emplace_back(t), Status{}; }, kSourceOnly},
    {"host", T::text, [](SourcePolicy& s, std::string_view t) -> Status { return s.host = t, Status{}; }},
    {"exclude", T::texts, [](SourcePolicy& s, std::string_view t) -> Status { return s.excludes.emplace_back(t), Status{}; }},
    {"exclude-file", T::texts, [](SourcePolicy& s, std::string_view t) -> Status { return s.exclude_files.emplace_back(t), Status{}; }},
    {"exclude-caches", T::flag, [](SourcePolicy& s, std::string_view t) -> Status { return s.exclude_caches = t == "true", Status{}; }},
    {"one-file-system", T::flag, [](SourcePolicy& s, std::string_view t) -> Status { return s.one_file_system = t == "true", Status{}; }},
    {"tag", T::texts, [](SourcePolicy& s, std::string_view t) -> Status { return s.tags.emplace_back(t), Status{}; }},
    {"schedule", T::texts, [](SourcePolicy& s, std::string_view t) -> Status { return s.schedule.emplace_back(t), Status{}; }},
    {"time-zone", T::text, take_zone},
    {"jitter", T::text, [](SourcePolicy& s, std::string_view t) { return take_span(s.jitter, t); }},
    {"full-every", T::text, [](SourcePolicy& s, std::string_view t) { return take_period(s.kinds.full_every, t, name_of); }},
    {"differential-every", T::text, [](SourcePolicy& s, std::string_view t) { return take_period(s.kinds.differential_every, t, name_of); }},
    {"independent", T::text, [](SourcePolicy& s, std::string_view t) { return take_period(s.kinds.independent, t, tier_of); }},
    {"keep-last", T::count, keep<&Retention::last>},
    {"keep-hourly", T::count, keep<&Retention::hourly>},
    {"keep-daily", T::count, keep<&Retention::daily>},
    {"keep-weekly", T::count, keep<&Retention::weekly>},
    {"keep-monthly", T::count, keep<&Retention::monthly>},
    {"keep-quarterly", T::count, keep<&Retention::quarterly>},
    {"keep-yearly", T::count, keep<&Retention::yearly>},
    {"keep-within", T::text, [](SourcePolicy& s, std::string_view t) { return take_span(s.retention.within, t); }},
    {"forget", T::flag, [](SourcePolicy& s, std::string_view t) -> Status { return s.forgets = t == "true", Status{}; }},
    {"grace", T::text, [](SourcePolicy& s, std::string_view t) { return take_span(s.grace, t); }},
    {"prune-every", T::text, [](SourcePolicy& s, std::string_view t) { return take_period(s.prune_every, t, name_of); }},
    {"rpo", T::text, [](SourcePolicy& s, std::string_view t) { return take_span(s.rpo, t); }},
    {"rto", T::text, [](SourcePolicy& s, std::string_view t) { return take_span(s.rto, t); }},
    {"before", T::text, [](SourcePolicy& s, std::string_view t) -> Status { return s.hooks.before = t, Status{}; }},
    {"after", T::text, [](SourcePolicy& s, std::string_view t) -> Status { return s.hooks.after = t, Status{}; }},
    {"hook-timeout", T::text, [](SourcePolicy& s, std::string_view t) { return take_span(s.hooks.timeout, t); }},
    {"read-rate", T::rate, [](SourcePolicy& s, std::string_view t) { return take_rate(s.limits.read_bytes_per_second, t); }},
    {"write-rate", T::rate, [](SourcePolicy& s, std::string_view t) { return take_rate(s.limits.write_bytes_per_second, t); }},
};

class PolicyReader {
 public:
  explicit PolicyReader(std::string_view file_name) : file_name_(file_name) {}

  Result<Policy> read(const TomlValue& root) {
    Policy policy;
    SourcePolicy defaults;
    if (const auto found = root.table.find("policy"); found != root.table.end()) {
      HF_TRY(must_be_table(found->second, "policy", "[policy]"));
      policy.defaults_line = found->second.line;
      HF_TRY(read_table(found->second, "policy", defaults, false));
    }
    const auto sources = root.table.find("source");
    if (sources == root.table.end()) return policy;
    HF_TRY(must_be_table(sources->second, "source", "[source.NAME]"));
    for (const auto& [name, table] : sources->second.table) {
      if (table.type != TomlValue::Type::table)
        return error(table.line, "'" + printable(name) + "' belongs to a source with a name", "write [source.home] above it, and a name of your own for home");
      if (!is_source_name(name))
        return error(table.line, "'" + printable(name) + "' can't name a source", "letters, digits, '-', '_' and '.', at most 64 of them");
      SourcePolicy source = defaults;
      source.name = name;
      source.line = table.line;
      HF_TRY(read_table(table, "source." + name, source, true));
      if (source.paths.empty()) return error(table.line, "source '" + name + "' has no paths", "what is to be backed up? paths = [\"/home/anna\"]");
      policy.sources.push_back(std::move(source));
    }
    return policy;
  }

 private:
  Error error(std::size_t line, std::string_view message, std::string hint = "") const { return config_error(file_name_, line, message, std::move(hint)); }

  Status must_be_table(const TomlValue& value, std::string_view key, std::string_view header) const {
    if (value.type == TomlValue::Type::table) return {};
    return error(value.line, fmt::format("'{}' must be a table, and is {}", key, type_name(value)), fmt::format("write {} on a line of its own", header));
  }

  Status read_table(const TomlValue& table, const std::string& where, SourcePolicy& into, bool is_source) const {
    for (const auto& member : table.table) {
      const std::string& name = member.first;
      const TomlValue& value = member.second;
      const Key* key = std::find_if(std::begin(kKeys), std::end(kKeys), [&](const Key& k) { return k.name == name; });
      if (key == std::end(kKeys) || (key->of_sources_only && !is_source)) return unknown(value.line, name, where, is_source);
      // Only excludes and tags of a source add to those of [policy].
      if (name == "schedule") into.schedule.clear();
      HF_TRY(read_key(*key, value, into));
    }
    return {};
  }

  Error unknown(std::size_t line, const std::string& name, const std::string& where, bool is_source) const {
    std::vector<std::string> known;
    for (const Key& key : kKeys)
      if (is_source || !key.of_sources_only) known.emplace_back(key.name);
    const auto meant = nearest(name, known);
    std::string hint = meant ? "did you mean '" + *meant + "'?" : "known in [" + where + "]: " + listed(known);
    if (!is_source && name == "paths") hint = "paths belong to a source: [source.home]";
    return error(line, "unknown key '" + printable(name) + "' in [" + where + "]", hint);
  }

  Status read_key(const Key& key, const TomlValue& value, SourcePolicy& into) const {
    if (value.type == TomlValue::Type::list && key.type == T::texts) {
      for (const TomlValue& element : value.list) HF_TRY(read_one(key, element, into));
      return {};
    }
    return read_one(key, value, into);
  }

  Status read_one(const Key& key, const TomlValue& value, SourcePolicy& into) const {
    using V = TomlValue::Type;
    std::string text;
    const bool number = key.type == T::count || key.type == T::rate;
    if (key.type == T::flag ? value.type == V::boolean : false) text = value.boolean ? "true" : "false";
    else if (number && value.type == V::integer) text = std::to_string(value.integer);
    else if (key.type != T::flag && value.type == V::text) text = value.text;
    else return error(value.line, fmt::format("'{}' must be {}, and is {}", key.name, wanted(key.type), type_name(value)));
    if (text.find('\0') != std::string::npos) return error(value.line, fmt::format("'{}' has a NUL character in it", key.name));
    if (text.empty()) return error(value.line, fmt::format("'{}' is empty", key.name), "leave it out instead");
    if (auto taken = key.take(into, text); !taken)
      return error(value.line, fmt::format("'{}': {}", key.name, taken.error().message), taken.error().hint);
    return {};
  }

  static std::string_view wanted(T type) {
    switch (type) {
      case T::text: return "a text in quotes";
      case T::texts: return "a text or a list of texts, like [\"a\", \"b\"]";
      case T::flag: return "true or false";
      case T::count: return "a whole number, or \"all\"";
      case T::rate: return "a size like \"20M\", for each second";
    }
    return "something else";
  }

  std::string_view file_name_;
};

}  // namespace

Result<Policy> read_policy(const TomlValue& root, std::string_view file_name) { return PolicyReader(file_name).read(root); }

Error config_error(std::string_view file_name, std::size_t line, std::string_view message, std::string hint) {
  return Error(Code::usage, fmt::format("{}:{}: {}", file_name, line, message), std::move(hint)).with_object(std::string(file_name));
}

std::string_view type_name(const TomlValue& value) {
  constexpr std::string_view kNames[] = {"a text", "a whole number", "a number", "true or false", "a date or time", "a list", "a table"};
  return kNames[static_cast<std::size_t>(value.type)];
}

}  // namespace hf::cli
