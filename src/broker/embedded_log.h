// Topics as directories on the local disk (docs/embedded_log.md).
#pragma once

#include <memory>
#include <string>

#include "broker/broker.h"

namespace ticklake::broker {

std::unique_ptr<Topics> make_embedded_log(const std::string& directory, const io::Clock& clock);

}  // namespace ticklake::broker
