using System.Buffers;
using System.Text;
using CsCheck;
using Registry.Actors.Channels.Guacd;

namespace Registry.Actors.Tests.Channels.Guacd;

/// <summary>The instructions of the published Guacamole protocol.</summary>
public sealed class GuacamoleSpecs
{
    [Theory]
    [InlineData("4.size,1.0,4.1024,3.768;", "size", "0", "1024", "768")] // the manual's example
    [InlineData("6.select,3.vnc;", "select", "vnc")]
    [InlineData("5.video;", "video")]
    [InlineData("4.name,0.;", "name", "")]
    [InlineData("0.,4.ping;", "", "ping")]
    [InlineData("4.name,2.ü;;", "name", "ü;")]
    [InlineData("4.name,3.東京🚇;", "name", "東京🚇")] // one code point, two of UTF-16, four bytes
    [InlineData("4.name,11.1.2,3.4;5.6;", "name", "1.2,3.4;5.6")]
    public void An_instruction_is_written_and_read(string text, params string[] elements)
    {
        var buffer = new ArrayBufferWriter<byte>();
        GuacamoleInstruction.Write(buffer, elements[0], elements[1..]);
        Encoding.UTF8.GetString(buffer.WrittenSpan).ShouldBe(text);

        var scanner = new GuacamoleScanner();
        scanner.Scan(buffer.WrittenSpan, out var ended).ShouldBe(buffer.WrittenCount);
        ended.ShouldBeTrue();
        scanner.IsAtBoundary.ShouldBeTrue();
        var instruction = scanner.Instruction.ShouldNotBeNull();
        instruction.Arguments.Prepend(instruction.Opcode).ShouldBe(elements);
        GuacamoleInstruction.Text(instruction).ShouldBe(text);
        instruction.ToString().ShouldBe(elements[0]);
    }

    [Theory]
    [InlineData("size,1.0;", "0x73")]
    [InlineData(".size;", "0x2E")]
    [InlineData("-1.a;", "0x2D")]
    [InlineData("4.sizes;", "0x73")]
    [InlineData("4.size;,", "0x2C")]
    [InlineData("1000001.", "1000000")]
    [InlineData("99999999", "1000000")]
    [InlineData("65.", "opcode")]
    public void What_is_no_instruction_is_told(string text, string what) => Malformed(Encoding.UTF8.GetBytes(text), what);

    [Theory]
    [InlineData("312E80", "UTF-8")] // a continuation without a beginning
    [InlineData("312EC080", "UTF-8")] // overlong
    [InlineData("312EEDA080", "UTF-8")] // half a surrogate pair
    [InlineData("312EF5808080", "UTF-8")]
    [InlineData("312EC33B", "UTF-8")] // cut short
    public void What_is_not_UTF_8_is_told(string hex, string what)
    {
        Malformed(Convert.FromHexString(hex), what);
        Malformed(Convert.FromHexString(hex), what, piece: 1);
    }

    [Fact]
    public void Sizes_are_bounded()
    {
        var elements = Repeat("0.,", GuacamoleScanner.MaxElements);
        Malformed(elements, "1024 elements");
        Scan([.. elements[..^1], (byte)';'], 1 << 20).Error.ShouldBeNull();
        Malformed([.. "4.text,"u8, .. Repeat("60000.", 1), .. Repeat("x", 60000), .. ",6000."u8, .. Repeat("x", 6000)], "65536");
        var large = new GuacamoleScanner([]);
        large.Scan("4.blob,"u8, out _);
        byte[] element = [.. "1000000."u8, .. Repeat("x", GuacamoleScanner.MaxElement), (byte)','];
        for (var i = 0; i < GuacamoleScanner.MaxInstruction / element.Length; i++)
            large.Scan(element, out _).ShouldBe(element.Length);
        large.Error.ShouldBeNull();
        large.Scan(element, out _);
        large.Error.ShouldNotBeNull().ShouldContain("8388608");
    }

    [Fact]
    public void Only_what_is_wanted_is_read()
    {
        var scanner = new GuacamoleScanner(["size"u8.ToArray()], maxText: 16);
        var stream = "4.blob,1.0,20.AAAAAAAAAAAAAAAAAAAA;4.size,1.0,1.1,1.2;"u8;

        var first = scanner.Scan(stream, out _);
        scanner.Instruction.ShouldBeNull();
        scanner.Scan(stream[first..], out _);
        scanner.Instruction!.Arguments.ShouldBe(["0", "1", "2"]);
    }

    [Fact]
    public void Instructions_survive_any_cut_into_pieces() =>
        Gen.Select(Gen.String[Gen.OneOf(Gen.Char['\u0001', '\uD7FF'], Gen.Char[' ', '~']), 0, 60].Array[1, 6].Array[1, 4], Gen.Int[1, 20].Array[1, 10]).Sample((instructions, cuts) =>
        {
            var buffer = new ArrayBufferWriter<byte>();
            foreach (var instruction in instructions)
                GuacamoleInstruction.Write(buffer, "op🚇", instruction);
            var scanner = new GuacamoleScanner();
            var read = new List<string>();
            for (int at = 0, cut = 0; at < buffer.WrittenCount; cut++)
            {
                var piece = buffer.WrittenSpan[at..Math.Min(buffer.WrittenCount, at + cuts[cut % cuts.Length])];
                at += scanner.Scan(piece, out var ended);
                if (ended)
                    read.Add(string.Join('\0', scanner.Instruction!.Arguments));
            }

            scanner.Error.ShouldBeNull();
            scanner.IsAtBoundary.ShouldBeTrue();
            read.ShouldBe(instructions.Select(i => string.Join('\0', i)));
        });

    [Fact]
    public void Random_bytes_never_throw() =>
        Gen.Select(Gen.OneOf(Gen.Byte, Gen.OneOf([.. "0123456789.,;ü🚇size"u8.ToArray()])).Array[0, 200], Gen.Int[1, 50]).Sample((bytes, piece) => { Scan(bytes, piece); });

    private static void Malformed(byte[] bytes, string what, int piece = int.MaxValue)
    {
        var scanner = Scan(bytes, piece);
        scanner.Error.ShouldNotBeNull().ShouldContain(what);
        scanner.Scan("4.size;"u8, out var ended).ShouldBe(0); // nothing brings it back
        ended.ShouldBeFalse();
    }

    private static GuacamoleScanner Scan(byte[] bytes, int piece)
    {
        var scanner = new GuacamoleScanner();
        for (var at = 0; at < bytes.Length && scanner.Error is null;)
            at += scanner.Scan(bytes.AsSpan(at, Math.Min(piece, bytes.Length - at)), out _);
        return scanner;
    }

    private static byte[] Repeat(string text, int times) => Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(text, times)));
}
