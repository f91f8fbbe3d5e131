#pragma once
// A new root key for what is written from now on. Nothing that is stored is rewritten.
//
// Crash story: slots to be dropped are removed first; then one object, the rotation, is put, and with it every slot that
// it names opens the new epoch. So there is no moment when a secret opens less than before, and nothing to tidy. Of two
// rotations at once the store lets one put win; the other is Refused and changed nothing but the slots it dropped.
//
//   starts ↓ while runs →   backup                              key add                        rotation
//   rotation                it ends under the old epoch          see add_key(), `late` below    one wins
//   backup                  as ever                              its packs carry a copy or not  old or new epoch

#include "vault/vault.hpp"

namespace hf {

struct RotateOptions {
  std::vector<SlotId> drop;  ///< these go; never the one that opened the vault
};
struct RotateReport {
  std::uint32_t epoch = 0;
  std::vector<SlotInfo> reached;   ///< slots that open the new epoch
  std::vector<SlotInfo> dropped;
  std::vector<SlotInfo> left_out;  ///< left behind by an earlier rotation: not let in again
  std::vector<SlotId> late;        ///< added while this ran: they open only what is older; remove and add them anew
};

/// Refused where a slot of version 1 would be left behind (its secret is needed: renew_key), where the slot that opened
/// the vault was left behind itself, and where another rotation came first. `vault` itself goes on under the old epoch:
/// open it anew.
Result<RotateReport> rotate_keys(const Vault& vault, const RotateOptions& options = {});

/// Makes the slots of version 1 that this secret opens anew, under the same label. Crash story: the new slot is there
/// before the old one goes; a second run removes what is left. Gives the slots that went; none: nothing was to be done.
Result<std::vector<SlotId>> renew_key(const Vault& vault, const Secret& secret);

}  // namespace hf
