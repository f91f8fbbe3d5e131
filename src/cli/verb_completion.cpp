#include "cli/completion.hpp"

namespace hf::cli {
namespace {

Result<int> run(Invocation& in) {
  const std::string shell = in.argument("SHELL");
  in.out.text(shell == "bash"  ? bash_completion(all_verbs())
              : shell == "zsh" ? zsh_completion(all_verbs())
                               : fish_completion(all_verbs()));
  return 0;
}

}  // namespace

const Verb& completion_verb() {
  static const Verb verb = {
      .name = "completion",
      .section = "The program",
      .summary = "print a script that lets a shell complete commands and options",
      .description = {"The script offers commands, options, their choices, files and folders. Make it again after an update."},
      .examples = {{"holdfast completion bash > ~/.local/share/bash-completion/completions/holdfast",
                    "For bash, from the next shell on."},
                   {"holdfast completion zsh > ~/.zfunc/_holdfast", "For zsh, where ~/.zfunc is in $fpath before compinit runs."},
                   {"holdfast completion fish > ~/.config/fish/completions/holdfast.fish", "For fish."},
                   {"source <(holdfast completion bash)", "For this shell only."}},
      .arguments = {{.name = "SHELL", .help = "bash, zsh or fish", .choices = {"bash", "zsh", "fish"}}},
      .standalone = true,
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
