using Registry.WebRtc.Dtls;

namespace Registry.WebRtc.Tests.Dtls;

/// <summary>A client and a server that expect each other's certificates, joined by a perfect wire.</summary>
internal sealed class DtlsPair : IDisposable
{
    public static readonly DtlsCertificate ClientCertificate = DtlsCertificate.Create(DateTimeOffset.UtcNow);
    public static readonly DtlsCertificate ServerCertificate = DtlsCertificate.Create(DateTimeOffset.UtcNow);

    public DtlsPair(DtlsOptions? options = null)
    {
        Client = new DtlsEndpoint(ClientCertificate, DtlsRole.Client, [ServerCertificate.Fingerprint], options);
        Server = new DtlsEndpoint(ServerCertificate, DtlsRole.Server, [ClientCertificate.Fingerprint], options);
        DtlsEndpoint.Connect(Client, Server);
    }

    public DtlsEndpoint Client { get; }

    public DtlsEndpoint Server { get; }

    public void Start()
    {
        Server.Start();
        Client.Start();
    }

    public async Task EstablishAsync()
    {
        Start();
        (await Client.Outcome).ShouldBeNull();
        (await Server.Outcome).ShouldBeNull();
    }

    public void Dispose()
    {
        Client.Dispose();
        Server.Dispose();
    }
}
