// Names that nobody else has.
#pragma once

#include <string>

namespace ticklake {

std::string new_uuid();  // random (version 4, RFC 9562)

}  // namespace ticklake
