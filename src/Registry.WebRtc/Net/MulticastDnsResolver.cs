using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Registry.WebRtc.Net;

/// <summary>
/// Asks the link who has a name of <c>.local</c> (RFC 6762). Browsers put such names in place of their addresses
/// (draft-ietf-mmusic-mdns-ice-candidates). The socket exists only while something is being asked.
/// </summary>
/// <remarks>
/// Questions go out from the protocol's own port and ask for a multicast answer: the draft prefers an answer to this host alone, but Chromium sends
/// none, and one sent to a port that several programs share may reach another of them (RFC 6762 §15.1).
/// </remarks>
internal sealed partial class MulticastDnsResolver : IDisposable
{
    /// <summary>Where questions and answers go (RFC 6762 §3).</summary>
    public static readonly IPEndPoint DefaultGroup = new(IPAddress.Parse("224.0.0.251"), 5353);

    // A tube has few names; more than this is somebody who wants the link to be asked.
    private const int MaxPending = 64;
    private const int TimeToLive = 255;

    // A second to the first repetition, then doubling (RFC 6762 §5.2).
    private static readonly TimeSpan[] Waits = [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(4)];

    private readonly Func<IReadOnlyList<IPAddress>> interfaces;
    private readonly IPEndPoint group;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly Lock gate = new();
    private readonly Dictionary<string, TaskCompletionSource<IPAddress?>> pending = new(StringComparer.OrdinalIgnoreCase);
    private Socket? socket;
    private IPAddress[] joined = [];
    private bool disposed;

    /// <param name="interfaces">The addresses whose links are asked.</param>
    /// <param name="group">Where questions and answers go.</param>
    /// <param name="time">For repetitions.</param>
    /// <param name="logger">Where failures are told.</param>
    public MulticastDnsResolver(Func<IReadOnlyList<IPAddress>> interfaces, IPEndPoint group, TimeProvider time, ILogger logger) =>
        (this.interfaces, this.group, this.time, this.logger) = (interfaces, group, time, logger);

    /// <summary>Whether the socket is there.</summary>
    public bool IsOpen
    {
        get { lock (gate) return socket is not null; }
    }

    /// <summary>Asks for the address of a name; the same question is asked once however many want to know.</summary>
    /// <param name="name">A name for which <see cref="MulticastDnsMessage.IsName"/> holds.</param>
    /// <returns>One address, IPv6 before IPv4 where an answer has both (the draft's §3.2.1), or null when nobody answers within seven seconds or too much is being asked.</returns>
    public Task<IPAddress?> ResolveAsync(string name)
    {
        TaskCompletionSource<IPAddress?>? answer;
        lock (gate)
        {
            if (pending.TryGetValue(name, out answer))
                return answer.Task;
            if (disposed || pending.Count >= MaxPending || !TryOpen())
                return Task.FromResult<IPAddress?>(null);
            answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
            pending.Add(name, answer);
        }
        _ = AskAsync(name, answer);
        return answer.Task;
    }

    public void Dispose()
    {
        lock (gate)
        {
            disposed = true;
            foreach (var answer in pending.Values)
                answer.TrySetResult(null);
            Close();
        }
    }

    private async Task AskAsync(string name, TaskCompletionSource<IPAddress?> answer)
    {
        foreach (var wait in Waits)
        {
            Send(name);
            await ((Task)answer.Task).WaitAsync(wait, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (answer.Task.IsCompleted)
                break;
        }
        lock (gate)
        {
            pending.Remove(name);
            if (pending.Count == 0)
                Close();
        }
        answer.TrySetResult(null);
    }

    private void Send(string name)
    {
        Span<byte> query = stackalloc byte[128];
        query = query[..MulticastDnsMessage.WriteQuery(query, name)];
        lock (gate)
        {
            foreach (var address in joined)
            {
                try
                {
                    socket?.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.MulticastInterface, address.GetAddressBytes());
                    socket?.SendTo(query, group);
                }
                catch (SocketException e)
                {
                    LogFailed(address, e.Message);
                }
            }
        }
    }

    private bool TryOpen()
    {
        if (socket is not null)
            return true;
        var opened = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            opened.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            opened.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.MulticastTimeToLive, TimeToLive);
            // Where the group can be bound, what others of this port are sent stays theirs.
            opened.Bind(OperatingSystem.IsLinux() ? group : new IPEndPoint(IPAddress.Any, group.Port));
            joined = [.. interfaces().Where(address => address.AddressFamily == AddressFamily.InterNetwork && TryJoin(opened, address))];
        }
        catch (SocketException e)
        {
            LogFailed(group.Address, e.Message);
            joined = [];
        }
        if (joined.Length == 0)
        {
            opened.Dispose();
            return false;
        }
        socket = opened;
        _ = ReceiveAsync(opened);
        return true;
    }

    private bool TryJoin(Socket opened, IPAddress address)
    {
        try
        {
            opened.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.AddMembership, new MulticastOption(group.Address, address));
            return true;
        }
        catch (SocketException e)
        {
            // An address that the machine does not have, or a second one of an interface.
            LogFailed(address, e.Message);
            return false;
        }
    }

    private void Close()
    {
        socket?.Dispose();
        socket = null;
        joined = [];
    }

    private async Task ReceiveAsync(Socket opened)
    {
        var buffer = new byte[MulticastDnsMessage.MaxLength];
        while (true)
        {
            try
            {
                var received = await opened.ReceiveMessageFromAsync(buffer, SocketFlags.None, new IPEndPoint(IPAddress.Any, 0)).ConfigureAwait(false);
                // Sent to the group, so it is from this link; and from the port that responders have (RFC 6762 §6, §11).
                if (received.PacketInformation.Address.Equals(group.Address) && received.RemoteEndPoint is IPEndPoint from && from.Port == group.Port)
                    OnMessage(buffer.AsSpan(0, received.ReceivedBytes));
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // Closed, or the error of one datagram.
                lock (gate)
                {
                    if (socket != opened)
                        return;
                }
            }
        }
    }

    private void OnMessage(ReadOnlySpan<byte> message)
    {
        var addresses = MulticastDnsMessage.ReadAddresses(message);
        lock (gate)
        {
            foreach (var (name, address) in addresses.OrderByDescending(found => found.Address.AddressFamily))
            {
                if (pending.TryGetValue(name, out var answer))
                    answer.TrySetResult(address);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Names of .local cannot be asked for at {Address}: {Error}")]
    private partial void LogFailed(IPAddress address, string error);
}
