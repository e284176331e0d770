using System.Diagnostics;
using System.Net;
using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Dtls;
using Registry.WebRtc.Ice;
using Registry.WebRtc.Net;
using Registry.WebRtc.Sctp;
using Registry.WebRtc.Sdp;

namespace Registry.WebRtc.Tests.PeerConnections;

/// <summary>
/// A peer made of the stack's own parts on one end of a link, which passes for a valid one through ICE and DTLS. From then on the test may send
/// what it likes inside the encryption, beside what the peer's own association sends.
/// </summary>
internal sealed class TamperingPeer : IDatagramReceiver, IDtlsTransport, IDisposable
{
    private const int MaxPacket = 8192 - DtlsSession.RecordOverhead;
    private const int MaxRemembered = 64;
    private static readonly DtlsCertificate certificate = DtlsCertificate.Create(DateTimeOffset.UtcNow);

    private readonly Lock gate = new();
    private readonly InMemoryLink.End end;
    private readonly TransportAddress remote;
    private readonly IceAgent ice;
    private readonly Timer timer;
    private readonly long start = Stopwatch.GetTimestamp();
    private readonly List<byte[]> remembered = [];
    private readonly TaskCompletionSource opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource pathFound = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly byte[] buffer = new byte[8192];
    private readonly Action<byte[]>? records;
    private DtlsSession? dtls;
    private DataChannelAssociation? association;
    private ushort channel;
    private long datagramsSent;

    /// <param name="end">Its end of the link.</param>
    /// <param name="remote">The victim.</param>
    /// <param name="records">Takes the victim's DTLS datagrams; null for a session and an association of this stack.</param>
    public TamperingPeer(InMemoryLink.End end, IPEndPoint remote, Action<byte[]>? records = null)
    {
        this.records = records;
        this.end = end;
        this.remote = TransportAddress.From(remote);
        ice = new IceAgent(IceOptions.Default, IceCredentials.Create(), 1, Random.Shared.NextBytes) { Role = IceRole.Controlling };
        ice.AddLocalCandidate(LocalCandidate);
        timer = new Timer(static peer => ((TamperingPeer)peer!).OnTimer(), this, Timeout.Infinite, Timeout.Infinite);
        end.Start(this);
    }

    /// <summary>Datagrams sent so far, of every protocol.</summary>
    public long DatagramsSent => Interlocked.Read(ref datagramsSent);

    private TimeSpan Now => Stopwatch.GetElapsedTime(start);

    private IceCandidate LocalCandidate =>
        IceCandidatePriority.CreateHost(end.LocalEndPoints[0].Address, end.LocalEndPoints[0].Port, IceCandidatePriority.MaxLocalPreference);

    /// <summary>Connects to the victim and opens a channel.</summary>
    public async Task ConnectAsync(IPeerConnection victim)
    {
        await SignalAsync(victim, certificate.Fingerprint);
        await opened.Task.WaitAsync(ConnectionPair.Patience);
    }

    /// <summary>Exchanges descriptions and looks for a path; ends when it is there.</summary>
    public async Task SignalAsync(IPeerConnection victim, CertificateFingerprint fingerprint, DtlsSetup setup = DtlsSetup.ActPass)
    {
        var offer = SdpDescription.CreateOffer(ice.LocalCredentials, fingerprint, 256 * 1024) with { Setup = setup, Candidates = [LocalCandidate], EndOfCandidates = true };
        await victim.SetRemoteDescriptionAsync(new(SdpType.Offer, offer.ToString()));
        var answer = await victim.CreateAnswerAsync();
        await victim.SetLocalDescriptionAsync(answer);
        var description = SdpDescription.Parse(SdpType.Answer, answer.Sdp);
        lock (gate)
        {
            if (records is null)
                Expect(description);
            ice.SetRemoteCredentials(Now, description.Credentials.UsernameFragment, description.Credentials.Password, isLite: false);
            ice.AddRemoteCandidate(Now, IceCandidatePriority.CreateHost(remote.Address, remote.Port, IceCandidatePriority.MaxLocalPreference));
            Flush();
        }
        await pathFound.Task.WaitAsync(ConnectionPair.Patience);
    }

    /// <summary>Sends a message as a well-behaved peer would, as long as the association takes it.</summary>
    public void Send(ReadOnlySpan<byte> message)
    {
        lock (gate)
        {
            if (association!.State == SctpAssociationState.Established)
                SendOnOpenChannel(message);
            Flush();
        }
    }

    /// <summary>Sends what the test makes of one of the last genuine packets.</summary>
    public void Tamper(Random random, Func<byte[], IEnumerable<byte[]>> change)
    {
        lock (gate)
        {
            foreach (var packet in change((byte[])remembered[random.Next(remembered.Count)].Clone()))
                SendPacket(packet.AsSpan(0, Math.Min(packet.Length, MaxPacket)));
        }
    }

    /// <summary>Sends anything.</summary>
    public void SendDatagram(ReadOnlySpan<byte> datagram)
    {
        Interlocked.Increment(ref datagramsSent);
        end.Send(datagram, remote);
    }

    public void OnDatagrams(ReadOnlySpan<byte> datagrams, int segmentSize, TransportAddress from)
    {
        Span<byte> datagram = datagrams.ToArray();
        lock (gate)
        {
            if (datagram[0] < 4)
                ice.HandleDatagram(Now, from, datagram);
            else if (dtls is not null)
                Receive(datagram);
            else
                records?.Invoke(datagram.ToArray());
            Flush();
        }
    }

    void IDtlsTransport.SendHandshakeDatagram(ReadOnlySpan<byte> datagram)
    {
        lock (gate)
            SendDatagram(datagram);
    }

    void IDtlsTransport.OnHandshakeCompleted()
    {
        lock (gate)
        {
            association!.Start(Now);
            while (dtls!.TryReadEarlyDatagram(out var datagram))
                Receive(datagram);
            Flush();
        }
    }

    void IDtlsTransport.OnFailed(PeerConnectionFailure failure) => opened.TrySetException(new InvalidOperationException(failure.Message));

    void IDtlsTransport.OnCloseNotify()
    {
        // The victim ended the connection, which the test sees there.
    }

    public void Dispose()
    {
        timer.Dispose();
        lock (gate)
            dtls?.Dispose();
        end.Dispose();
    }

    private void Expect(SdpDescription description)
    {
        var role = description.Setup == DtlsSetup.Active ? DtlsRole.Server : DtlsRole.Client;
        dtls = new DtlsSession(certificate, role, description.Fingerprints, this, DtlsOptions.Default);
        association = new DataChannelAssociation(new SctpOptions { MaxPacketSize = 4056, Interleaving = true }, isDtlsClient: role == DtlsRole.Client);
    }

    private void OnTimer()
    {
        lock (gate)
        {
            ice.HandleTimeout(Now);
            association?.HandleTimeout(Now);
            Flush();
        }
    }

    private void SendOnOpenChannel(ReadOnlySpan<byte> message)
    {
        try
        {
            association!.TrySend(Now, channel, message, DataChannelMessageType.Binary);
        }
        catch (DataChannelClosedException)
        {
            // The victim took what was tampered with for the channel's end.
            channel = association!.OpenChannel(Now, "tampered", DataChannelOptions.Default);
        }
    }

    private void Receive(Span<byte> datagram)
    {
        while (dtls!.TryReadApplicationData(ref datagram, out var packet))
            association!.HandlePacket(Now, packet);
    }

    private void Flush()
    {
        while (ice.TryReadEvent(out var change))
        {
            if (change.Kind != IceEventKind.SelectedPairChanged)
                continue;
            pathFound.TrySetResult();
            if (dtls is { State: DtlsSessionState.New })
                dtls.Start();
        }
        while (ice.TryWriteDatagram(Now, buffer, out var length, out _))
            SendDatagram(buffer.AsSpan(0, length));
        ReadEvents();
        while (dtls is { State: DtlsSessionState.Established } && association!.TryWritePacket(Now, buffer, out var length))
        {
            remembered.Add(buffer[..length]);
            if (remembered.Count > MaxRemembered)
                remembered.RemoveAt(0);
            SendPacket(buffer.AsSpan(0, length));
        }
        var next = association is { NextTimeout: var due } && due < ice.NextTimeout ? due : ice.NextTimeout;
        if (next < TimeSpan.FromHours(1))
            timer.Change(next > Now ? next - Now + TimeSpan.FromMilliseconds(1) : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }

    private void ReadEvents()
    {
        while (association is not null && association.TryReadEvent(out var change))
        {
            if (change.Kind == DataChannelEventKind.Established)
            {
                channel = association.OpenChannel(Now, "tampered", DataChannelOptions.Default);
                opened.TrySetResult();
            }

            if (change.Message is not { } message)
                continue;
            association.MessageConsumed(message.Data.Length);
            message.Dispose();
        }
    }

    private void SendPacket(ReadOnlySpan<byte> packet)
    {
        if (dtls is not { State: DtlsSessionState.Established })
            return;
        var record = new byte[packet.Length + DtlsSession.RecordOverhead];
        packet.CopyTo(record.AsSpan(DtlsSession.PlaintextOffset));
        dtls.Protect(record, packet.Length);
        SendDatagram(record);
    }
}
