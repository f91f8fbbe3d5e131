#pragma once
// A verb is data plus one function. The command line is read, and --help, man pages, completions and the accepted keys
// of holdfast.toml are made, from the same data; so what is written here is all there is to say about a verb.
//
// To add one: a file verb_NAME.cpp with `const Verb& NAME_verb()`, its declaration and one row in verbs.{hpp,cpp}.
// All texts are string literals: a Verb lives as long as the program.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.hpp"
#include "base/result.hpp"
#include "cli/output.hpp"
#include "cli/terminal.hpp"
#include "platform/env.hpp"
#include "policy/policy.hpp"
#include "service/notice.hpp"

namespace hf::cli {

/// What an option's value must look like; checked before the verb runs, wherever the value came from.
enum class Kind : std::uint8_t {
  text,
  count,    ///< a whole number
  bytes,    ///< 500M, 2G, 1.5GiB
  time,     ///< 2026-05-02, "2026-05-02 14:02"
  percent,  ///< 5% or 0.5%
};

/// `--name VALUE` or the flag `--name`. The word in `value` tells completion what to offer: FILE and PATH any file,
/// DIR directories. Paths from holdfast.toml are relative to that file, and "~/" is the home directory.
struct Option {
  std::string_view name = {};   ///< without dashes
  char letter = 0;              ///< short form, 0: none
  std::string_view value = {};  ///< "FILE"; empty: a flag
  Kind kind = Kind::text;
  std::string_view help = {};    ///< a phrase in lower case, no full stop
  bool repeat = false;           ///< may be given several times
  std::string_view preset = {};  ///< the value when nothing else gives one
  std::vector<std::string_view> choices = {};
  std::string_view group = {};  ///< heading in the help; empty: "Options"
  bool config = false;          ///< also a key of holdfast.toml, in the verb's table; a flag then gets --no-NAME too
  std::string_view env = {};    ///< also an environment variable
  bool flagless = false;        ///< only in holdfast.toml and the environment: what must not be seen in process lists
};

struct Argument {
  std::string_view name = {};  ///< "PATH"
  std::string_view help = {};
  bool required = true;
  bool repeat = false;  ///< only the last one
  std::vector<std::string_view> choices = {};
};

struct Example {
  std::string_view command = {};  ///< as one would type it, "holdfast …"
  std::string_view what = {};     ///< a sentence
};

class Invocation;

struct Verb {
  std::string_view name = {};  ///< one word or two: "backup", "key add"
  std::vector<std::string_view> aliases = {};
  std::string_view section = {};                   ///< heading in `holdfast help`
  std::string_view summary = {};                   ///< one line, a phrase in lower case, no full stop
  std::vector<std::string_view> description = {};  ///< paragraphs; one that starts with a space is kept as it is
  std::vector<Example> examples = {};              ///< at least two; help begins with them
  std::vector<Argument> arguments = {};
  std::vector<Option> options = {};
  bool standalone = false;  ///< needs no vault and no settings: runs even when holdfast.toml is broken
  bool write_only = false;  ///< a write-only key is enough, for what was made with it
  bool hidden = false;      ///< for those who package Holdfast; not in help or completion
  /// The exit status (0 done; 3 done with unreadable items; 5 damage found), or the error to print.
  Result<int> (*run)(Invocation&) = nullptr;
};

/// Where a value came from, weakest first.
enum class Origin : std::uint8_t { nowhere, preset, config, environment, flag };

struct Value {
  std::vector<std::string> texts;  ///< flags: "true" or "false"
  Origin origin = Origin::nowhere;
};
using Values = std::map<std::string, Value, std::less<>>;  ///< option name → value

/// Where secrets come from when nobody is asked.
struct SecretSource {
  enum class Kind : std::uint8_t { none, passphrase_file, passphrase_command, key_file } kind = Kind::none;
  std::string value;   ///< path or command
  std::string origin;  ///< for messages: "--passphrase-file", "HOLDFAST_KEY_FILE", "passphrase-command in holdfast.toml"
};

/// What holds for every verb: flag > environment > holdfast.toml > default.
struct Settings {
  std::string vault = {};                 ///< a path as it was given, or the default one
  Origin vault_origin = Origin::nowhere;  ///< preset: nobody named one
  SecretSource secret = {};
  std::string config_file = {};  ///< the one that was read; empty: none
  bool no_input = false;
  unsigned jobs = 1;  ///< worker threads
  Policy policy = {};  ///< of the configuration file: hosts filled in, paths absolute
  std::vector<NotifyChannel> notify = {};  ///< likewise
};

/// One run of one verb: what it was told, and the world it acts on. All references outlive it.
class Invocation {
 public:
  Invocation(const Verb& v, Env& e, Terminal& t, Output& o, Progress& p, const Settings& s, Values values,
             std::vector<std::string> arguments)
      : verb(v),
        env(e),
        terminal(t),
        out(o),
        progress(p),
        settings(s),
        values_(std::move(values)),
        arguments_(std::move(arguments)) {}

  const Verb& verb;
  Env& env;
  Terminal& terminal;
  Output& out;
  Progress& progress;  ///< stop_requested is set by Ctrl-C
  const Settings& settings;

  // --- options, by the name in the verb's table (another name is a bug and aborts) ---
  bool flag(std::string_view name) const;
  bool given(std::string_view name) const;                      ///< by anything stronger than its preset
  std::string text(std::string_view name) const;                ///< "" where there is no value
  std::vector<std::string> texts(std::string_view name) const;  ///< of a repeatable one: holdfast.toml's, then the flags'
  std::optional<std::uint64_t> count(std::string_view name) const;
  std::optional<std::uint64_t> bytes(std::string_view name) const;
  std::optional<std::int64_t> time(std::string_view name) const;  ///< Unix nanoseconds
  std::optional<double> percent(std::string_view name) const;     ///< 5 for "5%"

  // --- positional arguments, by the name in the verb's table ---
  std::string argument(std::string_view name) const;  ///< "" where it was left out
  std::vector<std::string> arguments(std::string_view name) const;

  /// Asks yes or no on the terminal. Where nobody can answer, or with --no-input: `otherwise`, at once.
  Result<bool> confirm(std::string_view question, bool otherwise) const;

 private:
  const Option& option(std::string_view name) const;
  const Value* value(std::string_view name) const;

  Values values_;
  std::vector<std::string> arguments_;
};

/// Is `text` what an option of this kind and with these choices takes? The error says what it takes.
Status check_value(const Option& option, std::string_view text);
Result<double> parse_percent(std::string_view text);
Result<std::uint64_t> parse_count(std::string_view text);
/// Does the value name a file or directory?
inline bool is_path(std::string_view value_name) { return value_name == "FILE" || value_name == "DIR" || value_name == "PATH"; }

/// Usable before and after the verb.
const std::vector<Option>& global_options();

/// The verb of this name or alias, or nullptr.
const Verb* find_verb(const std::vector<const Verb*>& verbs, std::string_view name);
/// "'pionts' is not a holdfast command", with the one that was probably meant.
Error no_such_verb(const std::vector<const Verb*>& verbs, const std::string& name);

}  // namespace hf::cli
