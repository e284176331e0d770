using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Registry.WebRtc.Net;

namespace Registry.WebRtc.Tests.Net;

/// <summary>Somebody on the loopback link who has names of <c>.local</c>, at a port of the test's own.</summary>
internal sealed class MulticastDnsResponder : IDisposable
{
    private readonly Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly ConcurrentQueue<string> questions = new();

    public MulticastDnsResponder()
    {
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        socket.Bind(new IPEndPoint(OperatingSystem.IsLinux() ? MulticastDnsResolver.DefaultGroup.Address : IPAddress.Any, 0));
        socket.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.AddMembership, new MulticastOption(MulticastDnsResolver.DefaultGroup.Address, IPAddress.Loopback));
        socket.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.MulticastInterface, IPAddress.Loopback.GetAddressBytes());
        Group = new(MulticastDnsResolver.DefaultGroup.Address, ((IPEndPoint)socket.LocalEndPoint!).Port);
        _ = RunAsync();
    }

    /// <summary>Where to ask.</summary>
    public IPEndPoint Group { get; }

    /// <summary>The names that were asked for.</summary>
    public IReadOnlyCollection<string> Questions => questions;

    /// <summary>The messages that answer a question for the name.</summary>
    public Func<string, IEnumerable<byte[]>> Answers { get; set; } = static _ => [];

    /// <summary>The message that says that a name has these addresses.</summary>
    public static byte[] Says(string name, params string[] addresses) => Says(0x8400, name, addresses);

    /// <inheritdoc cref="Says(string, string[])"/>
    public static byte[] Says(ushort flags, string name, params string[] addresses)
    {
        List<byte> message = [0, 0, (byte)(flags >> 8), (byte)flags, 0, 0, 0, (byte)addresses.Length, 0, 0, 0, 0];
        foreach (var address in addresses.Select(IPAddress.Parse))
        {
            foreach (var label in name.Split('.'))
                message.AddRange([(byte)label.Length, .. Encoding.ASCII.GetBytes(label)]);
            var bytes = address.GetAddressBytes();
            message.AddRange([0, 0, (byte)(bytes.Length == 4 ? 1 : 28), 0x80, 1, 0, 0, 0, 120, 0, (byte)bytes.Length, .. bytes]);
        }
        return [.. message];
    }

    /// <summary>Says something to everybody on the link.</summary>
    public void Send(byte[] message) => socket.SendTo(message, Group);

    public void Dispose() => socket.Dispose();

    private async Task RunAsync()
    {
        var buffer = new byte[MulticastDnsMessage.MaxLength];
        try
        {
            while (true)
            {
                var length = await socket.ReceiveAsync(buffer);
                if ((buffer[2] & 0x80) != 0)
                    continue;
                var name = NameIn(buffer.AsSpan(0, length));
                questions.Enqueue(name);
                foreach (var answer in Answers(name))
                    Send(answer);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private static string NameIn(ReadOnlySpan<byte> question)
    {
        BinaryPrimitives.ReadUInt16BigEndian(question[4..]).ShouldBe((ushort)2, "a question for A and one for AAAA");
        var labels = new List<string>();
        for (var at = 12; question[at] > 0; at += 1 + question[at])
            labels.Add(Encoding.ASCII.GetString(question.Slice(at + 1, question[at])));
        return string.Join('.', labels);
    }
}
