# nnc_add_model(TARGET MODEL.nn [SHARED] [NAME NAME] [OPTIONS OPTION...])
#
# Compiles a model when the project is built: to a static library, or with SHARED to a shared one, which can be opened by
# nnrt_open too. What links to TARGET finds the header NAME.h (NAME: the file's stem if not given). The model is compiled
# anew when its text, a file that it imports or its weights change. OPTIONS go to nnc: -w, -D, -march, ...
cmake_policy(PUSH)
cmake_policy(VERSION 3.20...3.25)

function(nnc_add_model target source)
  cmake_parse_arguments(PARSE_ARGV 2 MODEL SHARED NAME OPTIONS)
  if(MODEL_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "nnc_add_model(${target}): unknown words: ${MODEL_UNPARSED_ARGUMENTS} "
                        "(what goes to nnc stands behind OPTIONS)")
  endif()
  cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
  if(NOT MODEL_NAME)
    cmake_path(GET source STEM MODEL_NAME)
  endif()
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${target}.model)
  file(MAKE_DIRECTORY ${folder})
  set(made ${folder}/${MODEL_NAME}.o)
  if(MODEL_SHARED)
    set(made ${folder}/lib${MODEL_NAME}.so)
  endif()
  add_custom_command(OUTPUT ${made} ${folder}/${MODEL_NAME}.h
    COMMAND nnrt::nnc compile ${source} --name ${MODEL_NAME} ${MODEL_OPTIONS}
            --emit=$<IF:$<BOOL:${MODEL_SHARED}>,so,obj>=${made},header=${folder}/${MODEL_NAME}.h,deps=${folder}/${MODEL_NAME}.d
    DEPENDS ${source} nnrt::nnc DEPFILE ${folder}/${MODEL_NAME}.d
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} COMMENT "Compiling the model ${MODEL_NAME}" VERBATIM)
  if(MODEL_SHARED)
    add_custom_target(${target}_model DEPENDS ${made})
    add_library(${target} SHARED IMPORTED GLOBAL)
    add_dependencies(${target} ${target}_model)
    set_target_properties(${target} PROPERTIES IMPORTED_LOCATION ${made} IMPORTED_NO_SONAME ON)
  else()
    set_source_files_properties(${made} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
    add_library(${target} STATIC ${made} ${folder}/${MODEL_NAME}.h)
    set_target_properties(${target} PROPERTIES LINKER_LANGUAGE C)
  endif()
  target_include_directories(${target} INTERFACE ${folder})
endfunction()

cmake_policy(POP)
