using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Registry.Host.Security;
using Registry.Host.Tests.Api;
using Registry.Host.Tests.RealPrograms;
using Registry.Messages;

namespace Registry.Host.Tests.Security;

/// <summary>A gateway that knows a viewer, an operator, two owners, each with a tube, and carol, who makes tubes of her own and sees all.</summary>
internal sealed class SecuredGateway : IAsyncDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly Dictionary<string, string> keys = [];

    public ScriptedGateway Gateway { get; private set; } = null!;

    public ScriptedRegistry Registry => Gateway.Registry;

    public string KeysFile => folder.File("keys");

    /// <param name="auth">What the section <c>auth</c> says besides the keys.</param>
    /// <param name="settings">Settings besides that section.</param>
    /// <param name="time">The clock; null for the real one.</param>
    public static async Task<SecuredGateway> StartAsync(Func<TemporaryFolder, string>? auth = null, string settings = "", TimeProvider? time = null)
    {
        var secured = new SecuredGateway();
        var lines = new[]
        {
            secured.Add("viewer", ["viewer"], null), secured.Add("operator", ["operator"], null), secured.Add("alice", ["creator"], "alice"), secured.Add("bob", ["creator"], "bob"),
            secured.Add("carol", ["viewer", "creator"], "carol"),
        };
        await File.WriteAllLinesAsync(secured.KeysFile, ["# ID ROLES OWNER SHA256", .. lines]);
        secured.Gateway = await ScriptedGateway.StartAsync(time, security:
            $"registry.auth {{ keys = \"{secured.KeysFile}\"\n{auth?.Invoke(secured.folder)} }}\nregistry.audit {{ mode = strict, database.path = \"{secured.folder.File("audit.db")}\" }}\n{settings}");
        foreach (var owner in new[] { "alice", "bob" })
            secured.Registry.Tubes[new($"{owner}-tube")] = new(new($"{owner}-tube"), "test-node", TubeState.Ready) { Owner = owner, Conversations = [new(new($"{owner}-talk"), "echo", true)] };
        return secured;
    }

    /// <summary>The key of one of them.</summary>
    public string KeyOf(string id) => keys[id];

    public async Task<(HttpStatusCode Status, JsonElement Body)> SendAsync(string? token, string method, string path, string? json = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (json is not null)
            request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        using var response = await Gateway.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        if (response.Content.Headers.ContentType?.MediaType is not ("application/json" or "application/problem+json"))
            return (response.StatusCode, default);
        return (response.StatusCode, JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement);
    }

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        folder.Dispose();
    }

    private string Add(string id, string[] roles, string? owner)
    {
        var (key, line) = ApiKeys.Create(id, roles, owner);
        keys.Add(id, key);
        return line;
    }
}
