//! TensorFlow's C API (`tensorflow/c/c_api.h`), loaded at run time, in types that cannot be misused from outside.
//!
//! The one file of this crate with `unsafe`. What holds it together: a [`Session`] and a [`Value`] keep the library
//! loaded, every pointer has one owner that frees it, and no slice outlives the tensor that it looks into.

use std::ffi::{CStr, CString, c_char, c_int, c_uchar, c_void};
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use bytes::Bytes;
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LOCAL, RTLD_NOW};

/// A status other than OK: canonical code, and TensorFlow's own text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: i32,
    pub(super) message: String,
}

/// An opaque object of the library.
#[repr(C)]
struct Opaque([u8; 0]);

/// `TF_Buffer`: bytes with an owner.
#[repr(C)]
struct RawBuffer {
    data: *const c_void,
    length: usize,
    deallocator: Option<unsafe extern "C" fn(*mut c_void, usize)>,
}

/// `TF_Output`: one output of an operation.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Output {
    operation: *mut c_void,
    index: c_int,
}

macro_rules! functions {
    ($($field:ident = $symbol:literal: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions that are used, resolved once.
        struct Functions {
            $($field: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Functions {
            /// The loader looks into what a library needs as well, so one handle finds the functions of both files.
            fn resolve(library: &Library) -> Result<Self, libloading::Error> {
                Ok(Self {
                    // SAFETY: the signatures are those of c_api.h, tf_tensor.h, tf_status.h and tf_buffer.h, which
                    // TensorFlow keeps stable across 2.x.
                    $($field: unsafe { *library.get(concat!($symbol, "\0").as_bytes())? },)*
                })
            }
        }
    };
}

functions! {
    version = "TF_Version": fn() -> *const c_char;
    new_status = "TF_NewStatus": fn() -> *mut Opaque;
    delete_status = "TF_DeleteStatus": fn(*mut Opaque);
    get_code = "TF_GetCode": fn(*const Opaque) -> c_int;
    message = "TF_Message": fn(*const Opaque) -> *const c_char;
    new_graph = "TF_NewGraph": fn() -> *mut Opaque;
    delete_graph = "TF_DeleteGraph": fn(*mut Opaque);
    new_session_options = "TF_NewSessionOptions": fn() -> *mut Opaque;
    delete_session_options = "TF_DeleteSessionOptions": fn(*mut Opaque);
    set_config = "TF_SetConfig": fn(*mut Opaque, *const c_void, usize, *mut Opaque);
    load_session = "TF_LoadSessionFromSavedModel": fn(
        *const Opaque, *const RawBuffer, *const c_char, *const *const c_char, c_int, *mut Opaque, *mut RawBuffer,
        *mut Opaque) -> *mut Opaque;
    close_session = "TF_CloseSession": fn(*mut Opaque, *mut Opaque);
    delete_session = "TF_DeleteSession": fn(*mut Opaque, *mut Opaque);
    operation_by_name = "TF_GraphOperationByName": fn(*mut Opaque, *const c_char) -> *mut c_void;
    operation_outputs = "TF_OperationNumOutputs": fn(*mut c_void) -> c_int;
    output_type = "TF_OperationOutputType": fn(Output) -> c_int;
    session_run = "TF_SessionRun": fn(
        *mut Opaque, *const RawBuffer, *const Output, *const *mut Opaque, c_int, *const Output, *mut *mut Opaque,
        c_int, *const *const c_void, c_int, *mut RawBuffer, *mut Opaque);
    allocate_tensor = "TF_AllocateTensor": fn(c_int, *const i64, c_int, usize) -> *mut Opaque;
    tensor_from_proto = "TF_TensorFromProto": fn(*const RawBuffer, *mut Opaque, *mut Opaque);
    delete_tensor = "TF_DeleteTensor": fn(*mut Opaque);
    tensor_type = "TF_TensorType": fn(*const Opaque) -> c_int;
    num_dims = "TF_NumDims": fn(*const Opaque) -> c_int;
    dim = "TF_Dim": fn(*const Opaque, c_int) -> i64;
    tensor_bytes = "TF_TensorByteSize": fn(*const Opaque) -> usize;
    tensor_data = "TF_TensorData": fn(*const Opaque) -> *mut c_void;
}

/// The loaded library.
pub(super) struct Api {
    functions: Functions,
    // Never unloaded: its threads and static objects outlive every handle. Kept to say so.
    _libraries: std::mem::ManuallyDrop<[Library; 2]>,
}

impl Api {
    /// Loads both files; the second needs the first.
    ///
    /// # Errors
    /// When the loader refuses one of them, or one lacks a function.
    pub(super) fn load(framework: &Path, cc: &Path) -> Result<Self, libloading::Error> {
        // SAFETY: TensorFlow's initialisers register operators and start no thread that touches our memory.
        let framework = unsafe { Library::open(Some(framework), RTLD_NOW | RTLD_GLOBAL) }?;
        // SAFETY: as above.
        let cc = unsafe { Library::open(Some(cc), RTLD_NOW | RTLD_LOCAL) }?;
        let functions = Functions::resolve(&cc)?;
        Ok(Self {
            functions,
            _libraries: std::mem::ManuallyDrop::new([framework, cc]),
        })
    }

    /// The library's version.
    pub(super) fn version(&self) -> String {
        // SAFETY: a static, zero-terminated string.
        let text = unsafe { CStr::from_ptr((self.functions.version)()) };
        text.to_string_lossy().into_owned()
    }

    fn checked<T>(&self, call: impl FnOnce(*mut Opaque) -> T) -> Result<T, Failure> {
        // SAFETY: the status is made here, used by one call, read, and freed; its message is copied before.
        unsafe {
            let status = (self.functions.new_status)();
            let result = call(status);
            let code = (self.functions.get_code)(status);
            let message = CStr::from_ptr((self.functions.message)(status))
                .to_string_lossy()
                .into_owned();
            (self.functions.delete_status)(status);
            if code == 0 {
                Ok(result)
            } else {
                Err(Failure { code, message })
            }
        }
    }
}

/// A loaded model. TensorFlow runs one session from several threads at once.
pub(super) struct Session {
    api: Arc<Api>,
    graph: *mut Opaque,
    session: *mut Opaque,
}

// SAFETY: c_api.h allows concurrent calls of TF_SessionRun and of the graph's read-only functions.
unsafe impl Send for Session {}
// SAFETY: as above.
unsafe impl Sync for Session {}
// SAFETY: the operation lives as long as the graph, is only handed back to its session, and is never changed.
unsafe impl Send for Output {}
// SAFETY: as above.
unsafe impl Sync for Output {}

impl Session {
    /// Loads the graph with exactly these tags from a SavedModel's folder and restores its variables. `config` is an
    /// encoded `ConfigProto`.
    ///
    /// # Errors
    /// What TensorFlow says.
    pub(super) fn load(
        api: &Arc<Api>,
        folder: &CStr,
        tags: &[CString],
        config: &[u8],
    ) -> Result<Self, Failure> {
        let f = &api.functions;
        let tags: Vec<*const c_char> = tags.iter().map(|tag| tag.as_ptr()).collect();
        let count = c_int::try_from(tags.len()).unwrap_or(c_int::MAX);
        // SAFETY: everything passed lives until the calls return; what was made is freed on each way out.
        unsafe {
            let options = (f.new_session_options)();
            let graph = (f.new_graph)();
            let loaded = api
                .checked(|status| (f.set_config)(options, config.as_ptr().cast(), config.len(), status))
                .and_then(|()| {
                    api.checked(|status| {
                        (f.load_session)(
                            options,
                            ptr::null(),
                            folder.as_ptr(),
                            tags.as_ptr(),
                            count,
                            graph,
                            ptr::null_mut(),
                            status,
                        )
                    })
                });
            (f.delete_session_options)(options);
            match loaded {
                Ok(session) => Ok(Self {
                    api: Arc::clone(api),
                    graph,
                    session,
                }),
                Err(failure) => {
                    (f.delete_graph)(graph);
                    Err(failure)
                }
            }
        }
    }

    /// The tensor `name` (`OPERATION:INDEX`, or `OPERATION` for the first output), if the graph has it.
    pub(super) fn output(&self, name: &str) -> Option<Output> {
        let (operation, index) = match name.rsplit_once(':') {
            Some((operation, index)) => (operation, index.parse().ok()?),
            None => (name, 0),
        };
        let operation = CString::new(operation).ok()?;
        let f = &self.api.functions;
        // SAFETY: the graph lives; the name is zero-terminated; a null result is looked for.
        let (operation, count) = unsafe {
            let operation = (f.operation_by_name)(self.graph, operation.as_ptr());
            if operation.is_null() {
                return None;
            }
            (operation, (f.operation_outputs)(operation))
        };
        (0..count).contains(&index).then_some(Output { operation, index })
    }

    /// The type of its elements, as a number of the schema.
    pub(super) fn output_type(&self, output: Output) -> i32 {
        // SAFETY: an output of this session's graph, which lives.
        unsafe { (self.api.functions.output_type)(output) }
    }

    /// Runs the graph once. `options` is an encoded `RunOptions`, empty for none.
    ///
    /// # Errors
    /// What TensorFlow says.
    pub(super) fn run(
        &self,
        options: &[u8],
        feeds: &[Output],
        values: &[Value],
        fetches: &[Output],
    ) -> Result<Vec<Value>, Failure> {
        assert_eq!(feeds.len(), values.len(), "one value for each feed");
        let f = &self.api.functions;
        let count = |length: usize| c_int::try_from(length).unwrap_or(c_int::MAX);
        let values: Vec<*mut Opaque> = values.iter().map(|value| value.tensor).collect();
        let mut fetched = vec![ptr::null_mut(); fetches.len()];
        let options_buffer = borrowed(options);
        let options: *const RawBuffer = if options.is_empty() {
            ptr::null()
        } else {
            &raw const options_buffer
        };
        // SAFETY: all arrays have the lengths that are passed and live until the call returns. TensorFlow takes its own
        // references to the values, and gives a reference to each fetched tensor, which `Value` frees.
        let outcome = self.api.checked(|status| unsafe {
            (f.session_run)(
                self.session,
                options,
                feeds.as_ptr(),
                values.as_ptr(),
                count(feeds.len()),
                fetches.as_ptr(),
                fetched.as_mut_ptr(),
                count(fetches.len()),
                ptr::null(),
                0,
                ptr::null_mut(),
                status,
            );
        });
        let fetched: Vec<Value> = fetched
            .into_iter()
            .filter(|tensor| !tensor.is_null())
            .map(|tensor| Value {
                api: Arc::clone(&self.api),
                tensor,
            })
            .collect();
        outcome.map(|()| fetched)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let f = &self.api.functions;
        // SAFETY: nobody else has the session: `run` borrows it. Failures of closing leave nothing to do.
        unsafe {
            let _ = self.api.checked(|status| (f.close_session)(self.session, status));
            let _ = self
                .api
                .checked(|status| (f.delete_session)(self.session, status));
            (f.delete_graph)(self.graph);
        }
    }
}

/// A tensor of the library.
pub(super) struct Value {
    api: Arc<Api>,
    tensor: *mut Opaque,
}

// SAFETY: a tensor is read only once it is made, and freed by its one owner.
unsafe impl Send for Value {}

impl Value {
    /// A tensor of a type with elements of fixed size; `bytes` are its elements in row-major, native order.
    pub(super) fn new(api: &Arc<Api>, dtype: i32, dims: &[i64], bytes: &[u8]) -> Option<Self> {
        let value = Self::allocate(api, dtype, dims, bytes.len())?;
        let f = &api.functions;
        // SAFETY: the buffer belongs to the new tensor alone, and its size is compared before the copy.
        unsafe {
            if (f.tensor_bytes)(value.tensor) != bytes.len() {
                return None;
            }
            if !bytes.is_empty() {
                ptr::copy_nonoverlapping(bytes.as_ptr(), (f.tensor_data)(value.tensor).cast(), bytes.len());
            }
        }
        Some(value)
    }

    /// What an encoded `TensorProto` says. The way for strings, whose memory only the library can allocate.
    ///
    /// # Errors
    /// What TensorFlow says.
    pub(super) fn from_proto(api: &Arc<Api>, dtype: i32, proto: &[u8]) -> Result<Self, Failure> {
        let failed = || Failure {
            code: INTERNAL,
            message: "a tensor cannot be allocated".to_owned(),
        };
        let value = Self::allocate(api, dtype, &[0], 0).ok_or_else(failed)?;
        let buffer = borrowed(proto);
        // SAFETY: buffer and tensor live until the call returns; the tensor is replaced as a whole.
        api.checked(|status| unsafe {
            (api.functions.tensor_from_proto)(&raw const buffer, value.tensor, status)
        })?;
        Ok(value)
    }

    fn allocate(api: &Arc<Api>, dtype: i32, dims: &[i64], bytes: usize) -> Option<Self> {
        let rank = c_int::try_from(dims.len()).ok()?;
        // SAFETY: `dims` has `rank` entries.
        let tensor = unsafe { (api.functions.allocate_tensor)(dtype, dims.as_ptr(), rank, bytes) };
        (!tensor.is_null()).then(|| Self {
            api: Arc::clone(api),
            tensor,
        })
    }

    /// Number of its `DataType`.
    pub(super) fn dtype(&self) -> i32 {
        // SAFETY: the tensor lives.
        unsafe { (self.api.functions.tensor_type)(self.tensor) }
    }

    /// Its shape.
    pub(super) fn shape(&self) -> Vec<usize> {
        let f = &self.api.functions;
        // SAFETY: the tensor lives; indices are below the rank.
        let dims = unsafe { (0..(f.num_dims)(self.tensor)).map(|index| (f.dim)(self.tensor, index)) };
        dims.map(|size| usize::try_from(size).unwrap_or_default())
            .collect()
    }

    /// Its elements' memory, row-major.
    pub(super) fn bytes(&self) -> &[u8] {
        let f = &self.api.functions;
        // SAFETY: the library says where the buffer is and how long; both stay as they are while the tensor lives.
        unsafe {
            let length = (f.tensor_bytes)(self.tensor);
            let data = (f.tensor_data)(self.tensor).cast::<u8>();
            if data.is_null() || length == 0 {
                &[]
            } else {
                std::slice::from_raw_parts(data, length)
            }
        }
    }

    /// The elements of a string tensor, copied.
    pub(super) fn strings(&self, count: usize) -> Option<Vec<Bytes>> {
        let memory = self.bytes();
        let cells = memory.as_chunks::<STRING_BYTES>().0;
        if cells.len() != count {
            return None;
        }
        let read = |cell: &[u8; STRING_BYTES]| {
            let word = |at: usize| {
                let bytes = cell[at..at + 8].try_into().expect("eight bytes of twenty-four");
                usize::from_le_bytes(bytes)
            };
            match cell[0] & 3 {
                // The length in the first byte, the text behind it.
                0 => Some(Bytes::copy_from_slice(
                    cell.get(1..1 + usize::from(cell[0] >> 2))?,
                )),
                // Length and address; a large one has its capacity between them.
                kind @ (1 | 3) => {
                    let (length, address) = (word(0) >> 2, word(if kind == 1 { 16 } else { 8 }));
                    // SAFETY: `TF_TString` of this kind owns or looks at `length` bytes at `address`, and does not
                    // change while the tensor lives.
                    Some(unsafe { copied(address as *const c_uchar, length) })
                }
                // Length and offset from the cell itself.
                _ => {
                    let length =
                        usize::try_from(u32::from_le_bytes(cell[0..4].try_into().ok()?) >> 2).ok()?;
                    let offset = usize::try_from(u32::from_le_bytes(cell[4..8].try_into().ok()?)).ok()?;
                    // SAFETY: `TF_TString` of this kind has its text at that distance in the same buffer.
                    Some(unsafe { copied(cell.as_ptr().add(offset), length) })
                }
            }
        };
        cells.iter().map(read).collect()
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: this is the one owner.
        unsafe { (self.api.functions.delete_tensor)(self.tensor) }
    }
}

/// # Safety
/// `length` bytes at `data` can be read, unless `length` is zero.
unsafe fn copied(data: *const c_uchar, length: usize) -> Bytes {
    if length == 0 || data.is_null() {
        return Bytes::new();
    }
    // SAFETY: the caller's promise.
    Bytes::copy_from_slice(unsafe { std::slice::from_raw_parts(data, length) })
}

/// A buffer that looks at `bytes` and frees nothing.
fn borrowed(bytes: &[u8]) -> RawBuffer {
    RawBuffer {
        data: bytes.as_ptr().cast(),
        length: bytes.len(),
        deallocator: None,
    }
}

/// Of a `TF_TString` (`ctstring_internal.h`), on little-endian machines.
const STRING_BYTES: usize = 24;
const INTERNAL: i32 = 13;

#[cfg(target_endian = "big")]
compile_error!("strings of TensorFlow are read as little-endian machines lay them out");
