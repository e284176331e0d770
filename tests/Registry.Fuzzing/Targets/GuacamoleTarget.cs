using Registry.Actors.Channels.Guacd;

namespace Registry.Fuzzing.Targets;

/// <summary>A stream of Guacamole instructions in pieces. The first byte says whether all are read or some, the second how the stream is cut.</summary>
internal sealed class GuacamoleTarget : IFuzzTarget
{
    private const int MaxText = 1024;

    public string Name => "guacamole";

    public IReadOnlyList<string> Tokens => ["4.size,", "5.error,", "10.disconnect;", "1000000.", "0.", ",", ";", "🚇", "ü"];

    public void Run(ReadOnlySpan<byte> input)
    {
        var reader = new FuzzReader(input);
        var scanner = new GuacamoleScanner(reader.Byte() % 2 == 0 ? null : ["size"u8.ToArray(), "error"u8.ToArray()], MaxText);
        var piece = 1 + reader.Byte();
        while (!reader.IsAtEnd && scanner.Error is null)
        {
            var bytes = reader.Bytes(piece);
            while (!bytes.IsEmpty && scanner.Error is null)
            {
                var taken = scanner.Scan(bytes, out var ended);
                PropertyViolatedException.ThrowUnless(taken == bytes.Length || ended || scanner.Error is not null, "The scan stops in the middle of nothing.");
                PropertyViolatedException.ThrowUnless(taken > 0 || scanner.Error is not null, "The scan stands still.");
                PropertyViolatedException.ThrowUnless(!ended || scanner.IsAtBoundary, "An instruction ended and goes on.");
                Read(scanner.Instruction);
                bytes = bytes[taken..];
            }
        }
    }

    private static void Read(GuacamoleInstruction? instruction)
    {
        if (instruction is null)
            return;
        PropertyViolatedException.ThrowUnless(instruction.Opcode.Length + instruction.Arguments.Sum(a => a.Length) <= MaxText, "An instruction is longer than it may be.");
        if (instruction.Opcode == "error")
            _ = GuacamoleStatus.Tell(instruction);
        // What was read is written as an instruction that is read as the same.
        var text = System.Text.Encoding.UTF8.GetBytes(GuacamoleInstruction.Text(instruction));
        var again = new GuacamoleScanner(maxText: MaxText);
        PropertyViolatedException.ThrowUnless(again.Scan(text, out var ended) == text.Length && ended, "What was written is no instruction.");
        PropertyViolatedException.ThrowUnless(
            again.Instruction!.Opcode == instruction.Opcode && again.Instruction.Arguments.SequenceEqual(instruction.Arguments), "What was written reads otherwise.");
    }
}
