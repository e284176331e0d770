using System.Buffers;
using System.Text;

namespace Registry.Actors.Channels.Guacd;

/// <summary>
/// Follows a stream of Guacamole instructions that comes in pieces of any size. What it holds of them is bounded: the text of instructions that someone wants to
/// read, and nothing of the others.
/// </summary>
/// <param name="wanted">Opcodes of the instructions to be read, in UTF-8; null for all.</param>
/// <param name="maxText">Bytes of an instruction that is read, at most.</param>
internal sealed class GuacamoleScanner(byte[][]? wanted = null, int maxText = GuacamoleScanner.MaxText)
{
    /// <summary>Code points of one element at most, as with the original.</summary>
    public const int MaxElement = 1_000_000;

    /// <summary>Elements of one instruction at most.</summary>
    public const int MaxElements = 1024;

    /// <summary>Bytes of one instruction at most.</summary>
    public const int MaxInstruction = 8 * 1024 * 1024;

    /// <summary>Bytes of an instruction that is read, at most.</summary>
    public const int MaxText = 64 * 1024;

    private const int MaxDigits = 7;
    private const int MaxOpcode = 64;

    private enum Expects
    {
        Length,
        Value,
        Separator,
    }

    private readonly ArrayBufferWriter<byte> text = new();
    private readonly List<string> elements = [];
    private readonly byte[] codePoint = new byte[4]; // the beginning of one that the piece before ended with
    private int codePointLength;
    private Expects expects;
    private bool isReading = true;
    private int digits;
    private int remaining; // code points of the element
    private int count;     // elements before it
    private int size;      // bytes of the instruction
    private int textSize;  // bytes of it that were read

    /// <summary>What is malformed, once something is.</summary>
    public string? Error { get; private set; }

    /// <summary>Whether no instruction has begun that has not ended.</summary>
    public bool IsAtBoundary => size == 0;

    /// <summary>The instruction that the last scan came to the end of, if it is one that is read.</summary>
    public GuacamoleInstruction? Instruction { get; private set; }

    /// <summary>Follows the stream up to the end of an instruction.</summary>
    /// <param name="bytes">What comes next.</param>
    /// <param name="ended">Whether an instruction ended; there may be more bytes behind it.</param>
    /// <returns>How many bytes that were; fewer than there are only when an instruction ended or something is malformed.</returns>
    public int Scan(ReadOnlySpan<byte> bytes, out bool ended)
    {
        ended = false;
        Instruction = null;
        var at = 0;
        while (at < bytes.Length && Error is null && !ended)
        {
            var before = at;
            switch (expects)
            {
                case Expects.Length:
                    TakeLength(bytes[at++]);
                    break;
                case Expects.Value:
                    at += TakeValue(bytes[at..]);
                    break;
                default:
                    ended = TakeSeparator(bytes[at++]);
                    break;
            }

            size += at - before;
            if (size > MaxInstruction)
                Error = $"An instruction is longer than {MaxInstruction} bytes.";
        }

        if (ended)
            size = 0;
        return at;
    }

    private void TakeLength(byte b)
    {
        if (b is >= (byte)'0' and <= (byte)'9')
        {
            remaining = remaining * 10 + (b - '0');
            if (++digits > MaxDigits || remaining > MaxElement)
                Error = $"An element is longer than {MaxElement} characters.";
        }
        else if (b != '.' || digits == 0)
        {
            Error = $"An element's length holds 0x{b:X2}.";
        }
        else if (count == 0 && remaining > MaxOpcode)
        {
            Error = $"An opcode is longer than {MaxOpcode} characters.";
        }
        else
        {
            digits = 0;
            expects = remaining == 0 ? Expects.Separator : Expects.Value;
        }
    }

    private int TakeValue(ReadOnlySpan<byte> bytes)
    {
        if (codePointLength > 0)
            return TakeRestOfCodePoint(bytes[0]);
        var ascii = bytes[..Math.Min(bytes.Length, remaining)].IndexOfAnyExceptInRange((byte)0, (byte)0x7F);
        if (ascii != 0)
        {
            var length = ascii < 0 ? Math.Min(bytes.Length, remaining) : ascii;
            Took(bytes[..length], length);
            return length;
        }

        switch (Rune.DecodeFromUtf8(bytes, out _, out var used))
        {
            case OperationStatus.Done:
                Took(bytes[..used], 1);
                return used;
            case OperationStatus.NeedMoreData:
                bytes.CopyTo(codePoint);
                codePointLength = bytes.Length;
                return bytes.Length;
            default:
                Error = "An element is not UTF-8.";
                return 0;
        }
    }

    private int TakeRestOfCodePoint(byte next)
    {
        codePoint[codePointLength++] = next;
        var status = Rune.DecodeFromUtf8(codePoint.AsSpan(0, codePointLength), out _, out _);
        if (status == OperationStatus.InvalidData)
            Error = "An element is not UTF-8.";
        if (status == OperationStatus.Done)
        {
            Took(codePoint.AsSpan(0, codePointLength), 1);
            codePointLength = 0;
        }

        return 1;
    }

    private void Took(ReadOnlySpan<byte> bytes, int codePoints)
    {
        remaining -= codePoints;
        if (remaining == 0)
            expects = Expects.Separator;
        if (!isReading)
            return;
        textSize += bytes.Length;
        if (textSize > maxText)
            Error = $"An instruction that is read here is longer than {maxText} bytes.";
        else
            text.Write(bytes);
    }

    private bool TakeSeparator(byte b)
    {
        if (b is not ((byte)',' or (byte)';'))
        {
            Error = $"An element ends with 0x{b:X2}.";
            return false;
        }

        if (isReading)
        {
            isReading = count > 0 || IsWanted(text.WrittenSpan);
            if (isReading)
                elements.Add(Encoding.UTF8.GetString(text.WrittenSpan));
            text.ResetWrittenCount();
        }

        expects = Expects.Length;
        if (++count == MaxElements && b == ',')
            Error = $"An instruction has more than {MaxElements} elements.";
        if (b == ',')
            return false;
        if (isReading)
            Instruction = new(elements[0], [.. elements.Skip(1)]);
        elements.Clear();
        (count, textSize, isReading) = (0, 0, true);
        return true;
    }

    private bool IsWanted(ReadOnlySpan<byte> opcode)
    {
        if (wanted is null)
            return true;
        foreach (var one in wanted)
            if (opcode.SequenceEqual(one))
                return true;
        return false;
    }
}
