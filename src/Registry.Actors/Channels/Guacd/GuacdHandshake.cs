using System.Buffers;
using System.Globalization;
using System.Net.Sockets;
using Registry.Messages;

namespace Registry.Actors.Channels.Guacd;

/// <summary>guacd did not take the session. The text holds nothing that was sent to it.</summary>
internal sealed class GuacdRefusedException(CloseReason reason, string message) : Exception(message)
{
    public CloseReason Reason => reason;
}

/// <summary>
/// The client's part of the Guacamole handshake: <c>select</c>, guacd's <c>args</c>, <c>size audio video image</c>, <c>timezone</c> and <c>name</c> where guacd's
/// version knows them, <c>connect</c> with a value for each name in <c>args</c>, and guacd's <c>ready</c>.
/// </summary>
/// <param name="socket">Connected to guacd.</param>
/// <param name="settings">What is asked for.</param>
/// <param name="values">The value of each parameter, by its plain name.</param>
internal sealed class GuacdHandshake(Socket socket, GuacdSettings settings, IReadOnlyDictionary<string, string> values)
{
    private readonly GuacamoleScanner scanner = new();
    // What comes behind the handshake waits in it without being counted.
    private readonly byte[] buffer = new byte[1024];
    private int start;
    private int end;

    /// <summary>The instruction that guacd is to send next.</summary>
    public string Awaited { get; private set; } = "args";

    /// <summary>What guacd sent behind its <c>ready</c>.</summary>
    public ReadOnlyMemory<byte> Rest => buffer.AsMemory(start, end - start);

    /// <summary>Shakes hands.</summary>
    /// <returns>guacd's <c>ready</c>, with the connection's id.</returns>
    /// <exception cref="GuacdRefusedException">guacd does not want to, or is none.</exception>
    /// <exception cref="SocketException">The connection broke.</exception>
    public async Task<GuacamoleInstruction> RunAsync(CancellationToken cancellationToken)
    {
        var sending = new ArrayBufferWriter<byte>();
        GuacamoleInstruction.Write(sending, "select", settings.ConnectionId ?? settings.Protocol);
        await SendAsync(sending.WrittenMemory, cancellationToken);
        var args = await ReadAsync(cancellationToken);
        Awaited = "ready";
        sending.Clear();
        WriteAnswer(sending, args.Arguments);
        await SendAsync(sending.WrittenMemory, cancellationToken);
        return await ReadAsync(cancellationToken);
    }

    private void WriteAnswer(ArrayBufferWriter<byte> to, IReadOnlyList<string> args)
    {
        var version = args is [var first, ..] ? GuacdVersion.Agree(first) : null;
        var speaks = version ?? GuacdVersion.Unnamed;
        GuacamoleInstruction.Write(to, "size", Number(settings.Width), Number(settings.Height), Number(settings.Dpi));
        GuacamoleInstruction.Write(to, "audio", settings.Audio);
        GuacamoleInstruction.Write(to, "video", settings.Video);
        GuacamoleInstruction.Write(to, "image", settings.Image);
        if (speaks >= GuacdVersion.WithTimeZone && settings.Parameters["timezone"] is { Length: > 0 } timeZone)
            GuacamoleInstruction.Write(to, "timezone", timeZone);
        if (speaks >= GuacdVersion.WithName && settings.Parameters["name"] is { Length: > 0 } name)
            GuacamoleInstruction.Write(to, "name", name);
        var given = args.Skip(version is null ? 0 : 1).Select(arg => values.GetValueOrDefault(GuacdParameters.Plain(arg), ""));
        GuacamoleInstruction.Write(to, "connect", version is null ? given : given.Prepend(GuacdVersion.Name(version)));
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    private async Task SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        while (!bytes.IsEmpty)
            bytes = bytes[await socket.SendAsync(bytes, cancellationToken)..];
    }

    private async Task<GuacamoleInstruction> ReadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            start += scanner.Scan(buffer.AsSpan(start, end - start), out var ended);
            if (scanner.Error is { } error)
                throw new GuacdRefusedException(CloseReason.GuacdError, $"guacd sent no instruction where {Awaited} was awaited: {error}");
            if (ended)
                return Check(scanner.Instruction!);
            (start, end) = (0, await socket.ReceiveAsync(buffer.AsMemory(), cancellationToken));
            if (end == 0)
                throw new GuacdRefusedException(CloseReason.GuacdRefuse, $"guacd closed the connection where {Awaited} was awaited. It may not know the protocol or the connection, or not take the parameters; its log says.");
        }
    }

    private GuacamoleInstruction Check(GuacamoleInstruction instruction) => instruction.Opcode switch
    {
        var opcode when opcode == Awaited => instruction,
        "error" => throw new GuacdRefusedException(CloseReason.GuacdError, GuacamoleStatus.Tell(instruction)),
        var opcode => throw new GuacdRefusedException(CloseReason.GuacdError, $"guacd sent {opcode} where {Awaited} was awaited."),
    };
}
