using System.Buffers;
using System.Globalization;
using System.Text;

namespace Registry.Actors.Channels.Guacd;

/// <summary>
/// One instruction of the Guacamole protocol: elements separated by commas, ended by <c>;</c>, each with its length in Unicode code points in front of it and
/// a point between. The first is the opcode.
/// </summary>
internal sealed class GuacamoleInstruction(string opcode, IReadOnlyList<string> arguments)
{
    public string Opcode => opcode;

    public IReadOnlyList<string> Arguments => arguments;

    /// <summary>The opcode only: passwords are among the arguments.</summary>
    public override string ToString() => opcode;

    /// <summary>Writes an instruction.</summary>
    /// <param name="to">Where to.</param>
    /// <param name="opcode">What it says.</param>
    /// <param name="arguments">About what.</param>
    public static void Write(IBufferWriter<byte> to, string opcode, params IEnumerable<string> arguments)
    {
        WriteElement(to, opcode);
        foreach (var argument in arguments)
        {
            to.Write(","u8);
            WriteElement(to, argument);
        }

        to.Write(";"u8);
    }

    /// <summary>An instruction's text.</summary>
    public static string Text(GuacamoleInstruction instruction)
    {
        var buffer = new ArrayBufferWriter<byte>();
        Write(buffer, instruction.Opcode, instruction.Arguments);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void WriteElement(IBufferWriter<byte> to, string value)
    {
        // A surrogate pair is two characters here and one code point there.
        var length = value.Length - value.Count(char.IsLowSurrogate);
        Encoding.UTF8.GetBytes(length.ToString(CultureInfo.InvariantCulture), to);
        to.Write("."u8);
        Encoding.UTF8.GetBytes(value, to);
    }
}
