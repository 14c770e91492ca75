//! Writes the binary form of a small WebAssembly module: just what the loops of the plain door need.

/// Numbers of the binary format: types and instructions.
pub(super) mod op {
    pub(in super::super) const I32: u8 = 0x7f;
    pub(in super::super) const I64: u8 = 0x7e;
    pub(in super::super) const F32: u8 = 0x7d;
    pub(in super::super) const F64: u8 = 0x7c;
    /// The type of a block without a result.
    pub(in super::super) const NOTHING: u8 = 0x40;

    pub(in super::super) const BLOCK: u8 = 0x02;
    pub(in super::super) const LOOP: u8 = 0x03;
    pub(in super::super) const IF: u8 = 0x04;
    pub(in super::super) const END: u8 = 0x0b;
    pub(in super::super) const BR: u8 = 0x0c;
    pub(in super::super) const BR_IF: u8 = 0x0d;
    pub(in super::super) const RETURN: u8 = 0x0f;
    pub(in super::super) const CALL: u8 = 0x10;
    pub(in super::super) const LOCAL_GET: u8 = 0x20;
    pub(in super::super) const LOCAL_SET: u8 = 0x21;
    pub(in super::super) const LOCAL_TEE: u8 = 0x22;
    pub(in super::super) const I32_LOAD: u8 = 0x28;
    pub(in super::super) const I64_LOAD: u8 = 0x29;
    pub(in super::super) const F64_LOAD: u8 = 0x2b;
    pub(in super::super) const I32_STORE: u8 = 0x36;
    pub(in super::super) const I64_STORE: u8 = 0x37;
    pub(in super::super) const F64_STORE: u8 = 0x39;
    pub(in super::super) const MEMORY_SIZE: u8 = 0x3f;
    pub(in super::super) const MEMORY_GROW: u8 = 0x40;
    pub(in super::super) const I32_CONST: u8 = 0x41;
    pub(in super::super) const I64_CONST: u8 = 0x42;
    pub(in super::super) const F32_CONST: u8 = 0x43;
    pub(in super::super) const F64_CONST: u8 = 0x44;
    pub(in super::super) const I32_EQ: u8 = 0x46;
    pub(in super::super) const I32_LT_U: u8 = 0x49;
    pub(in super::super) const I32_GT_U: u8 = 0x4b;
    pub(in super::super) const I32_ADD: u8 = 0x6a;
    pub(in super::super) const I32_SUB: u8 = 0x6b;
    pub(in super::super) const I32_SHR_U: u8 = 0x76;
    pub(in super::super) const F32_DEMOTE_F64: u8 = 0xb6;
    pub(in super::super) const F64_PROMOTE_F32: u8 = 0xbb;
}

/// Bytes that grow by parts of the format.
#[derive(Debug, Default)]
pub(super) struct Bytes(Vec<u8>);

impl Bytes {
    pub(super) fn byte(&mut self, byte: u8) -> &mut Self {
        self.0.push(byte);
        self
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// An instruction with a number: a local variable, a function, a block.
    pub(super) fn with(&mut self, opcode: u8, number: u32) -> &mut Self {
        self.byte(opcode).unsigned(number)
    }

    /// A load or store at an address plus `offset`, which may be unaligned.
    pub(super) fn memory(&mut self, opcode: u8, offset: u32) -> &mut Self {
        self.byte(opcode).unsigned(0).unsigned(offset)
    }

    /// `i32.const`.
    pub(super) fn i32_const(&mut self, value: i32) -> &mut Self {
        self.byte(op::I32_CONST).signed(value)
    }

    /// LEB128.
    pub(super) fn unsigned(&mut self, mut value: u32) -> &mut Self {
        while value >= 0x80 {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
        self
    }

    /// LEB128 with a sign.
    fn signed(&mut self, mut value: i32) -> &mut Self {
        loop {
            let low = value.to_le_bytes()[0] & 0x7f;
            value >>= 7;
            let done = (value == 0 && low & 0x40 == 0) || (value == -1 && low & 0x40 != 0);
            self.0.push(if done { low } else { low | 0x80 });
            if done {
                return self;
            }
        }
    }

    fn counted(&mut self, bytes: &[u8]) -> &mut Self {
        self.unsigned(length(bytes)).raw(bytes)
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a loop module has a few megabytes at most")
}

/// A part of a module that is a list, with the number of its entries.
#[derive(Debug, Default)]
struct Section {
    entries: Bytes,
    count: u32,
}

/// A module with one memory, which it exports as `memory`.
#[derive(Debug, Default)]
pub(super) struct ModuleWriter {
    types: Section,
    imports: Section,
    functions: Section,
    exports: Section,
    codes: Section,
}

impl ModuleWriter {
    /// Adds the type of a function; gives its number.
    pub(super) fn function_type(&mut self, params: &[u8], results: &[u8]) -> u32 {
        self.types.entries.byte(0x60).counted(params).counted(results);
        self.types.count += 1;
        self.types.count - 1
    }

    /// Imports a function; gives its number. All imports come before the first function.
    pub(super) fn import(&mut self, module: &str, name: &str, function_type: u32) -> u32 {
        let entries = &mut self.imports.entries;
        entries
            .counted(module.as_bytes())
            .counted(name.as_bytes())
            .with(0, function_type);
        self.imports.count += 1;
        self.imports.count - 1
    }

    /// Adds a function that is exported: `locals` are the types of its variables other than parameters, `code` its
    /// instructions without the last `end`.
    pub(super) fn function(&mut self, export: &str, function_type: u32, locals: &[u8], code: &Bytes) {
        let number = self.imports.count + self.functions.count;
        self.functions.entries.unsigned(function_type);
        self.functions.count += 1;
        self.exports.entries.counted(export.as_bytes()).with(0, number);
        self.exports.count += 1;
        let mut body = Bytes::default();
        body.unsigned(length(locals));
        for local in locals {
            body.unsigned(1).byte(*local);
        }
        body.raw(&code.0).byte(op::END);
        self.codes.entries.counted(&body.0);
        self.codes.count += 1;
    }

    /// The module.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.exports.entries.counted(b"memory").with(2, 0);
        self.exports.count += 1;
        let mut memory = Section::default();
        // No maximum; one page to begin with.
        memory.entries.byte(0).unsigned(1);
        memory.count = 1;
        let mut module = Bytes::default();
        module.raw(b"\0asm").raw(&[1, 0, 0, 0]);
        let sections = [
            (1, &self.types),
            (2, &self.imports),
            (3, &self.functions),
            (5, &memory),
            (7, &self.exports),
            (10, &self.codes),
        ];
        for (id, section) in sections {
            let mut content = Bytes::default();
            content.unsigned(section.count).raw(&section.entries.0);
            module.byte(id).counted(&content.0);
        }
        module.0
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;

    #[test]
    fn numbers_are_leb128() {
        let unsigned = |value| Bytes::default().unsigned(value).0.clone();
        assert_eq!(unsigned(0), [0]);
        assert_eq!(unsigned(127), [127]);
        assert_eq!(unsigned(624_485), [0xe5, 0x8e, 0x26]);
        let signed = |value| Bytes::default().signed(value).0.clone();
        assert_eq!(signed(0), [0]);
        assert_eq!(signed(63), [63]);
        assert_eq!(signed(64), [0xc0, 0]);
        assert_eq!(signed(-1), [0x7f]);
        assert_eq!(signed(-123_456), [0xc0, 0xbb, 0x78]);
    }
}
