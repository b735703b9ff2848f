# cmake -DHEADER=nnrt.h -DABI=abi.def -DOUT=FILE -P flat-header.cmake
# nnrt.h as it is installed: one file, with the structs of abi.def in plain C.
file(READ ${HEADER} header)
file(READ ${ABI} abi)
string(FIND "${abi}" "*/" end)
math(EXPR end "${end} + 2")
string(SUBSTRING "${abi}" ${end} -1 abi) # what the file is, told to those who work on it
string(REGEX REPLACE "STRUCT\\(([a-z_]+)\\)" "struct \\1 {" abi "${abi}")
string(REGEX REPLACE "  FIELD\\([A-Z0-9]+, ([^,]*\\*), ([a-z_]+)\\)" "    \\1\\2;" abi "${abi}")
string(REGEX REPLACE "  FIELD\\([A-Z0-9]+, ([^,]*), ([a-z_]+)\\)" "    \\1 \\2;" abi "${abi}")
string(REGEX REPLACE "END\\([a-z_]+\\)" "};" abi "${abi}")
string(REGEX REPLACE "#undef (STRUCT|FIELD|END)\n" "" abi "${abi}")
string(REGEX REPLACE "#define (STRUCT|FIELD|END)\\([^\n]*\n" "" header "${header}")
string(REPLACE "#include \"abi.def\"" "${abi}" header "${header}")
string(REPLACE "/* ---- abi.def: the descriptor" "/* ---- the descriptor" header "${header}")
if(header MATCHES "FIELD|STRUCT\\(|abi\\.def\"")
  message(FATAL_ERROR "${ABI} has something that does not become plain C")
endif()
file(WRITE ${OUT} "${header}")
